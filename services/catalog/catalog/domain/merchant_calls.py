"""Divides a merchant's calls: a share is a rate at which its holder spaces its calls evenly."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import ceil, floor

from catalog.domain.grants import Claim, Limit, Request, always_keeping, keeping, max_min_level


def paced_rate(
    limit: Limit, request: Request, others: Sequence[Claim], waiting_since: datetime, now: datetime
) -> float:
    """Return the rate of a process that spaces its calls evenly, without a count of those that Clover may count."""
    kept = always_keeping if request.is_expected else keeping
    # More processes than the limit has useful shares take turns: a fair share that none could use would stop them all.
    fair = max(fair_rate(limit, request, others), limit.least)
    return min(fair, kept(limit.spare, _free_rate(limit, others, waiting_since, now)))


def fair_rate(limit: Limit, request: Request, others: Iterable[Claim]) -> float:
    """Return the rate that all can have at once: max-min fair, so calls that one does not want go to the rest."""
    # Without the spare calls, or they would be missing to the process that asks last, at every renewal.
    total = keeping(limit.spare, limit.steady)
    rates = [min(each.wanted.rate, total) for each in others] + [min(request.wanted.rate, total)]
    return min(rates[-1], max_min_level(total, rates))


def _free_rate(limit: Limit, others: Sequence[Claim], waiting_since: datetime, now: datetime) -> float:
    """Return the limit less the granted rates and the reserve for those ahead in the queue.

    Within any second the paced calls stay below the sum of rates; the first call of each grant comes on top of that.
    A process makes its rate, rounded up, in some second, and all may have theirs in the same one.
    """
    ahead = sum(claim.is_ahead_of(waiting_since, now) for claim in others)
    first_calls = 1 + sum(claim.is_fresh(now) for claim in others)
    granted = sum(claim.granted.rate for claim in others)
    # 0.97: a margin for clocks and delays, so that a full second never counts one call too many.
    paced = min(limit.steady, limit.rate * 0.97 - first_calls)
    whole = floor(limit.rate * 0.97) - sum(ceil(claim.granted.rate) for claim in others)
    free = min(paced - granted, whole)
    if first_calls == 1 and not granted:
        # Alone, the smallest rate fits into every limit: its second call comes a second after its first.
        free = max(free, limit.least)
    return free - ahead * limit.spare
