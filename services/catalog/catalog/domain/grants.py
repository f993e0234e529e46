"""Divides Clover's rate limits among the processes that call Clover."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import floor, inf

SPARE_RATE = 2.0
"""Calls a second kept free, where possible, so that the next process gets a grant at once."""

LEAST_RATE = 1.0
"""The smallest useful grant in calls a second; below it the process waits, unless Clover's limit is no larger."""

WINDOW = timedelta(seconds=1)
"""The period over which Clover counts calls."""


@dataclass(frozen=True)
class Limit:
    """One of Clover's limits: calls a second and calls in flight."""

    rate: float
    concurrency: int

    @property
    def steady(self) -> float:
        """The sum of rates to grant: a tenth below the limit, because calls arrive less evenly than they leave."""
        return self.rate * 0.9

    @property
    def least(self) -> float:
        """The smallest useful rate within this limit."""
        return min(LEAST_RATE, self.steady)

    @property
    def slots(self) -> int:
        """The sum of calls in flight to grant: a tenth less, because Clover may still work on a call we gave up."""
        return max(1, floor(self.concurrency * 0.9))


@dataclass(frozen=True)
class Limits:
    """Clover's limits per app, over all merchants, and per token, for each merchant."""

    app: Limit
    token: Limit


class State(StrEnum):
    """The state of a claim. A returned grant stays until Clover no longer counts its first call."""

    HOLDING = "holding"
    WAITING = "waiting"
    RETURNED = "returned"


@dataclass(frozen=True)
class Claim:
    """One process's grant for a merchant, or its place in the queue. `started_at` is when the grant or wait began."""

    merchant_id: str
    state: State
    started_at: datetime
    rate: float = 0.0
    concurrency: int = 0

    @property
    def competes(self) -> bool:
        """Whether the claim takes part in the division."""
        return self.state is not State.RETURNED

    def is_ahead_of(self, started_at: datetime) -> bool:
        """Whether it has waited longer than one that began to wait then."""
        return self.state is State.WAITING and self.started_at < started_at

    def is_fresh(self, now: datetime) -> bool:
        """Whether Clover may still count its first call, which no rate limited."""
        return self.state is not State.WAITING and now - self.started_at < WINDOW


@dataclass(frozen=True)
class Share:
    """The calls a second and the calls in flight of one grant."""

    rate: float
    concurrency: int


def claim_for(
    limits: Limits, own: Claim | None, others: Sequence[Claim], merchant_id: str, now: datetime
) -> Claim | None:
    """Return the new claim of a process that asks for calls: holding, or waiting while no capacity is free.

    None refuses a renewal: the grant stays as it is until it expires.
    """
    waiting_since = own.started_at if own and own.state is State.WAITING else now
    holding_since = own.started_at if own and own.state is State.HOLDING else None
    share = allocate(limits, others, merchant_id, waiting_since, now)
    if share:
        return Claim(merchant_id, State.HOLDING, holding_since or now, share.rate, share.concurrency)
    return None if holding_since else Claim(merchant_id, State.WAITING, waiting_since)


def allocate(
    limits: Limits, others: Sequence[Claim], merchant_id: str, waiting_since: datetime, now: datetime
) -> Share | None:
    """Return the share of a process that asks for this merchant; None while no capacity is free.

    The share is at most the fair share and at most what is free. Capacity stays reserved for each process that has
    waited longer and, where possible, for one newcomer. `others` are all claims but the asker's own: a renewal frees
    what it replaces, and a holder keeps its pace from one grant for a merchant to the next.
    """
    fair = fair_share(limits, others, merchant_id)
    least = min(limits.app.least, limits.token.least)
    same_merchant = [claim for claim in others if claim.merchant_id == merchant_id]
    free = [_free(limits.app, others, waiting_since, now), _free(limits.token, same_merchant, waiting_since, now)]
    # More processes than the limit has useful shares take turns: a fair share that none could use would stop them all.
    rate = min(max(fair.rate, least), *(_keeping(SPARE_RATE, each.rate) for each in free))
    concurrency = min(fair.concurrency, *(floor(_keeping(1, each.concurrency)) for each in free))
    return Share(rate, concurrency) if rate >= least and concurrency >= 1 else None


def fair_share(limits: Limits, others: Iterable[Claim], merchant_id: str) -> Share:
    """Return the share that all can have at once: equal within a merchant, max-min fair over merchants."""
    claims = [claim.merchant_id for claim in others if claim.competes] + [merchant_id]
    claimants = Counter(claims)
    rates = [limits.token.steady / claimants[each] for each in claims]
    slots = [limits.token.slots / claimants[each] for each in claims]
    return Share(
        rate=min(rates[-1], max_min_level(limits.app.steady, rates)),
        concurrency=max(1, floor(min(slots[-1], max_min_level(limits.app.slots, slots)))),
    )


def max_min_level(total: float, demands: Sequence[float]) -> float:
    """Return the most that each may have so that the total suffices and no one gets more than its demand."""
    left = total
    for place, demand in enumerate(sorted(demands)):
        equal = left / (len(demands) - place)
        if demand >= equal:
            return equal
        left -= demand
    return inf


def _free(limit: Limit, others: Sequence[Claim], waiting_since: datetime, now: datetime) -> Share:
    """Return the limit less the granted shares and the reserve for those ahead in the queue.

    Within any second the paced calls stay below the sum of rates; the first call of each grant comes on top of that.
    """
    ahead = sum(claim.is_ahead_of(waiting_since) for claim in others)
    first_calls = 1 + sum(claim.is_fresh(now) for claim in others)
    granted = sum(claim.rate for claim in others)
    # 0.97: a margin for clocks and delays, so that a full second never counts one call too many.
    paced = min(limit.steady, limit.rate * 0.97 - first_calls)
    if first_calls == 1 and not granted:
        # Alone, the smallest rate fits into every limit: its second call comes a second after its first.
        paced = max(paced, limit.least)
    return Share(
        rate=paced - granted - ahead * SPARE_RATE,
        concurrency=limit.slots - sum(claim.concurrency for claim in others) - ahead,
    )


def _keeping(spare: float, free: float) -> float:
    """Return the part of what is free that leaves `spare` for a newcomer; the last `spare` is given out whole."""
    return max(free - spare, min(free, spare))
