"""How Clover's limits are divided among those who speak to it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import floor, inf

FIRST_RATE = 2.0
"""Calls a second kept free, where possible, for whoever comes next."""
LEAST_RATE = 1.0
"""A grant of less is of no use; whoever asked waits instead."""
WINDOW = timedelta(seconds=1)
"""What Clover's rates are counted over."""


@dataclass(frozen=True)
class Limit:
    """One of Clover's pairs of limits: calls a second and calls in flight."""

    rate: float
    concurrency: int

    @property
    def steady(self) -> float:
        """The sum of rates we let out: a tenth below the limit, because calls arrive less evenly than they leave."""
        return self.rate * 0.9

    @property
    def slots(self) -> int:
        """The sum of calls in flight we let out: a tenth less, because Clover ends a call later than we give it up."""
        return max(1, floor(self.concurrency * 0.9))


@dataclass(frozen=True)
class Limits:
    """Clover's limits per app, over all merchants, and per token, for each merchant."""

    app: Limit
    token: Limit


class State(StrEnum):
    """Of a claim: it holds a grant, waits for one, or gave one back so soon that its first call still counts."""

    HOLDING = "holding"
    WAITING = "waiting"
    RETURNED = "returned"


@dataclass(frozen=True)
class Claim:
    """What somebody else has, or waits for, on the calls to one merchant. `since`: when the grant or wait began."""

    merchant_id: str
    state: State
    since: datetime
    rate: float = 0.0
    concurrency: int = 0

    @property
    def competes(self) -> bool:
        return self.state is not State.RETURNED

    def ahead_of(self, since: datetime) -> bool:
        return self.state is State.WAITING and self.since < since

    def is_fresh(self, now: datetime) -> bool:
        """Whether its first call, which nothing paced, may be within the second Clover looks at."""
        return self.state is not State.WAITING and now - self.since < WINDOW


@dataclass(frozen=True)
class Share:
    """What one grant allows: calls a second and calls in flight."""

    rate: float
    concurrency: int


def divide(limits: Limits, others: Sequence[Claim], merchant_id: str, since: datetime, now: datetime) -> Share | None:
    """The share of whoever asks for this merchant, having waited since then; None while there is no room.

    At most the fair share, at most what is free; a place is left for each who has waited longer, and where possible
    for one who comes next. `others` are all claims but the asker's own: a renewal frees what it replaces, and a
    holder keeps its pace from one grant for a merchant to the next.
    """
    fair = fair_share(limits, others, merchant_id)
    same = [claim for claim in others if claim.merchant_id == merchant_id]
    free = [_free(limits.app, others, since, now), _free(limits.token, same, since, now)]
    rate = min(fair.rate, *(_leaving(FIRST_RATE, each.rate) for each in free))
    concurrency = min(fair.concurrency, *(floor(_leaving(1, each.concurrency)) for each in free))
    return Share(rate, concurrency) if rate >= LEAST_RATE and concurrency >= 1 else None


def fair_share(limits: Limits, others: Iterable[Claim], merchant_id: str) -> Share:
    """What everybody can have at once: equal within a merchant, and equal over merchants as far as each can use it."""
    claims = [claim.merchant_id for claim in others if claim.competes] + [merchant_id]
    claimants = Counter(claims)
    rates = [limits.token.steady / claimants[each] for each in claims]
    slots = [limits.token.slots / claimants[each] for each in claims]
    return Share(
        rate=min(rates[-1], level(limits.app.steady, rates)),
        concurrency=max(1, floor(min(slots[-1], level(limits.app.slots, slots)))),
    )


def level(total: float, wishes: Sequence[float]) -> float:
    """The most each may have so that the total suffices when nobody takes more than they wish (max-min fairness)."""
    left = total
    for place, wish in enumerate(sorted(wishes)):
        equal = left / (len(wishes) - place)
        if wish >= equal:
            return equal
        left -= wish
    return inf


def _free(limit: Limit, others: Sequence[Claim], since: datetime, now: datetime) -> Share:
    """What is out and what must stay free taken from the limit.

    In any second the paced calls stay below the sum of rates; the first call of each grant comes on top of that.
    """
    ahead = sum(claim.ahead_of(since) for claim in others)
    first_calls = 1 + sum(claim.is_fresh(now) for claim in others)
    out = sum(claim.rate for claim in others)
    return Share(
        rate=min(limit.steady, limit.rate * 0.97 - first_calls) - out - ahead * FIRST_RATE,
        concurrency=limit.slots - sum(claim.concurrency for claim in others) - ahead,
    )


def _leaving(spare: float, free: float) -> float:
    """What may be taken of what is free so that something is left for the next, unless it is the last."""
    return max(free - spare, min(free, spare))
