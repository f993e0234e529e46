"""Divides the app's calls: a share is a number of calls that Clover may count in one second, and none is passed."""

from collections.abc import Sequence
from datetime import datetime
from math import floor

from catalog.domain.grants import Claim, Limit, Request, keeping, max_min_level


def calls_for(limit: Limit, request: Request, others: Sequence[Claim], waiting_since: datetime, now: datetime) -> float:
    """Return the calls that a process may have counted at once; none while others may use them all.

    A holder counts each of its calls until a second after its answer, and starts no more than its share. So Clover
    receives at most the sum of all shares in any second, and the whole limit is lent. A share that shrinks counts with
    its earlier calls until its holder has stated that it uses fewer, or could not use it any more.
    """
    kept = _kept(limit, others)
    counted = [each.calls_at(now) for each in others]
    demands = [each.demand(now).rate for each in others]
    total = floor(limit.rate) - kept
    fair = max(1, floor(min(request.wanted.rate, total, max_min_level(total, [*demands, request.wanted.rate]))))

    needed = sum(max(has, min(wants, fair)) for has, wants in zip(counted, demands, strict=True))
    # The fair share is rounded down; the rest of the limit goes to those who ask first, a call each.
    more = 1 if request.wanted.rate > fair and total - needed - fair >= 1 else 0

    ahead = sum(each.is_ahead_of(waiting_since, now) for each in others)
    # Those who hold more than their fair share leave the rest to the ones that wait.
    coming = sum(max(0, has - fair) for has in counted)
    free = floor(limit.rate) - sum(counted) - max(0, ahead - coming)
    return floor(min(fair + more, keeping(kept, free)))


def _kept(limit: Limit, others: Sequence[Claim]) -> int:
    """Return the calls kept for a newcomer: none when the others take all places in flight."""
    return floor(limit.spare) if len(others) + 1 < limit.slots else 0
