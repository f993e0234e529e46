"""Divides Clover's limits: that of the app among processes, and that of each merchant among those who call for it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil, floor, inf

LEAST_RATE = 1.0
"""The smallest useful grant in calls a second; below it the process waits, unless Clover's limit is no larger."""

WINDOW = timedelta(seconds=1)
"""The period over which Clover counts calls."""


@dataclass(frozen=True)
class Limit:
    """One of Clover's limits: calls a second and calls in flight.

    `spare` calls a second are kept free, where possible, so that the next process gets a share at once.
    """

    rate: float
    concurrency: int
    spare: float = 2.0

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


@dataclass(frozen=True)
class Share:
    """Calls a second and calls in flight."""

    rate: float
    concurrency: int


class State(StrEnum):
    """The state of a claim."""

    HOLDING = "holding"
    WAITING = "waiting"


@dataclass(frozen=True)
class Claim:
    """One process's share of a limit, or its place in the queue. `started_at` is when the share or the wait began.

    `in_flight` of its calls were started under an earlier share and keep their places. A claim without a rate is for
    these calls alone. `ends_at` is when its holder stops to start calls.

    Of the claims of one speaker a single one is used at a time: the processes of one service never call for the same
    merchant at once, because the worker leases its merchant.
    """

    speaker: str
    state: State
    started_at: datetime
    wanted: Share
    granted: Share = Share(0.0, 0)
    in_flight: int = 0
    ends_at: datetime | None = None

    @property
    def is_lent(self) -> bool:
        """Whether its holder may start calls."""
        return self.state is State.HOLDING and self.granted.rate > 0

    @property
    def places(self) -> int:
        """The calls that may be in flight at once."""
        return max(self.granted.concurrency, self.in_flight)

    def is_ahead_of(self, started_at: datetime) -> bool:
        """Whether it has waited longer than one that began to wait then."""
        return self.state is State.WAITING and self.started_at < started_at

    def is_fresh(self, now: datetime) -> bool:
        """Whether Clover may still count its first call, which no rate limited."""
        return self.is_lent and now - self.started_at < WINDOW

    def is_used(self, now: datetime) -> bool:
        """Whether its holder may still start calls; of a share that is not renewed the claim remains for a moment."""
        return self.is_lent and not (self.ends_at and self.ends_at <= now)


@dataclass(frozen=True)
class Request:
    """What a process asks of one limit. An expected call takes nothing that another might need first."""

    speaker: str
    wanted: Share
    is_expected: bool = False
    in_flight: int = 0


def claim_for(
    limit: Limit, request: Request, own: Claim | None, others: Sequence[Claim], now: datetime
) -> Claim | None:
    """Return the new claim of a process: holding, or waiting while no capacity is free.

    None refuses: a share held before stays as it is until it expires, and an expected call does not wait. When it is
    over, the places of the calls in flight are still held.
    """
    holding_since = own.started_at if own and own.is_lent else None
    waiting_since = own.started_at if own and not own.is_lent else now
    in_flight = request.in_flight
    share = allocate(limit, request, others, waiting_since, now)
    if share:
        return Claim(request.speaker, State.HOLDING, holding_since or now, request.wanted, share, in_flight)
    if in_flight and not (own and own.is_used(now)):
        return Claim(request.speaker, State.HOLDING, waiting_since, request.wanted, in_flight=in_flight)
    if holding_since or request.is_expected:
        return None
    return Claim(request.speaker, State.WAITING, waiting_since, request.wanted)


def allocate(
    limit: Limit, request: Request, others: Sequence[Claim], waiting_since: datetime, now: datetime
) -> Share | None:
    """Return the share of a process that asks; None while no capacity is free.

    The share is at most what it wants, at most its fair share and at most what is free. Capacity stays reserved for
    each process that has waited longer and, where possible, for one newcomer. `others` are all claims but the asker's
    own: a renewal frees what it replaces.
    """
    fair = fair_share(limit, request, others)
    free = _free(limit, request, others, waiting_since, now)
    keeping = _always_keeping if request.is_expected else _keeping
    # More processes than the limit has useful shares take turns: a fair share that none could use would stop them all.
    rate = min(max(fair.rate, limit.least), keeping(limit.spare, free.rate))
    concurrency = min(fair.concurrency, floor(keeping(1, free.concurrency)))
    if concurrency < 1 and not request.is_expected:
        # One call after another may use the margin: otherwise the last of several would wait for the others.
        concurrency = min(1, free.concurrency + limit.concurrency - limit.slots)
    return Share(rate, concurrency) if rate >= limit.least and concurrency >= 1 else None


def fair_share(limit: Limit, request: Request, others: Iterable[Claim]) -> Share:
    """Return the share that all can have at once: max-min fair, so what one does not want is there for the rest."""
    others = list(others)
    # Without the spare calls, or they would be missing to the process that asks last, at every renewal.
    total = _keeping(limit.spare, limit.steady)
    rates = [min(each.wanted.rate, total) for each in others] + [min(request.wanted.rate, total)]
    slots = _by_speaker((each.speaker, min(each.wanted.concurrency, limit.slots)) for each in others)
    slots[request.speaker] = max(slots[request.speaker], min(request.wanted.concurrency, limit.slots))
    return Share(
        rate=min(rates[-1], max_min_level(total, rates)),
        concurrency=max(
            1, floor(min(request.wanted.concurrency, limit.slots, max_min_level(limit.slots, list(slots.values()))))
        ),
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


def slots_taken(claims: Iterable[Claim]) -> int:
    """Return the calls that may be in flight at once under these claims."""
    return sum(_by_speaker((each.speaker, each.places) for each in claims).values())


def _by_speaker(numbers: Iterable[tuple[str, int]]) -> defaultdict[str, int]:
    """Return the largest number of each speaker."""
    largest: defaultdict[str, int] = defaultdict(int)
    for speaker, number in numbers:
        largest[speaker] = max(largest[speaker], number)
    return largest


def _free(limit: Limit, request: Request, others: Sequence[Claim], waiting_since: datetime, now: datetime) -> Share:
    """Return the limit less the granted shares and the reserve for those ahead in the queue.

    Within any second the paced calls stay below the sum of rates; the first call of each grant comes on top of that.
    A process makes its rate, rounded up, in some second, and all may have theirs in the same one.
    """
    ahead = sum(claim.is_ahead_of(waiting_since) for claim in others)
    first_calls = 1 + sum(claim.is_fresh(now) for claim in others)
    granted = sum(claim.granted.rate for claim in others)
    # 0.97: a margin for clocks and delays, so that a full second never counts one call too many.
    paced = min(limit.steady, limit.rate * 0.97 - first_calls)
    whole = floor(limit.rate * 0.97) - sum(ceil(claim.granted.rate) for claim in others)
    free = min(paced - granted, whole)
    if first_calls == 1 and not granted:
        # Alone, the smallest rate fits into every limit: its second call comes a second after its first.
        free = max(free, limit.least)
    taken = slots_taken(claim for claim in others if claim.speaker != request.speaker)
    return Share(rate=free - ahead * limit.spare, concurrency=limit.slots - taken - ahead)


def _keeping(spare: float, free: float) -> float:
    """Return the part of what is free that leaves `spare` for a newcomer; the last `spare` is given out whole."""
    return max(free - spare, min(free, spare))


def _always_keeping(spare: float, free: float) -> float:
    """Return the part of what is free beyond `spare`."""
    return free - spare
