"""Divides Clover's limits: that of the app among processes, and that of each merchant among those who call for it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
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
        """The sum of rates to grant: a tenth less, because paced calls arrive less evenly than they leave."""
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

    def or_more(self, other: "Share") -> "Share":
        """Return the share that covers both."""
        return Share(max(self.rate, other.rate), max(self.concurrency, other.concurrency))


NOTHING = Share(0.0, 0)


class State(StrEnum):
    """The state of a claim."""

    HOLDING = "holding"
    WAITING = "waiting"


@dataclass(frozen=True)
class Claim:
    """One process's share of a limit, or its place in the queue. `started_at` is when the share or the wait began.

    `in_use` is its holder's share until it knows of this claim: its calls in flight keep their places, and those
    that Clover may count stay counted. A claim without a rate is for these alone. `ends_at` is when its holder stops to
    start calls, or the end of its place in the queue; at `expires_at` its last calls are over, too. `number` is that of
    the holder's request.

    Of the claims of one speaker a single one is used at a time: the processes of one service never call for the same
    merchant at once, because the worker leases its merchant.
    """

    speaker: str
    state: State
    started_at: datetime
    wanted: Share
    granted: Share = NOTHING
    in_use: Share = NOTHING
    ends_at: datetime | None = None
    expires_at: datetime | None = None
    number: int = 0

    @property
    def is_lent(self) -> bool:
        """Whether its holder may start calls."""
        return self.state is State.HOLDING and self.granted.rate > 0

    @property
    def places(self) -> int:
        """The calls that may be in flight at once."""
        return max(self.granted.concurrency, self.in_use.concurrency)

    @property
    def calls(self) -> int:
        """The calls that Clover may count in one second."""
        return max(ceil(self.granted.rate), ceil(self.in_use.rate))

    @property
    def is_shrinking(self) -> bool:
        """Whether its holder may still use more than it has from now on."""
        return self.in_use.rate > self.granted.rate or self.in_use.concurrency > self.granted.concurrency

    def calls_at(self, now: datetime) -> int:
        """Return the calls that Clover may count now: a second after the end, no more than may be in flight."""
        is_over = self.ends_at is not None and self.ends_at + WINDOW <= now
        return min(self.calls, self.places) if is_over else self.calls

    def demand(self, now: datetime) -> Share:
        """Return how much its holder could use: of a share that ended without a renewal, the calls still counted."""
        has_ended = self.is_lent and not self.is_used(now)
        return Share(self.calls_at(now), self.places) if has_ended else self.wanted

    def is_ahead_of(self, started_at: datetime, now: datetime) -> bool:
        """Return whether it is in the queue, and has waited longer than one that began to wait then."""
        is_queued = self.state is State.WAITING and not (self.ends_at and self.ends_at <= now)
        return is_queued and self.started_at < started_at

    def is_fresh(self, now: datetime) -> bool:
        """Return whether Clover may still count its first call, which no rate limited."""
        return self.is_lent and now - self.started_at < WINDOW

    def is_used(self, now: datetime) -> bool:
        """Return whether its holder may still start calls. The claim of a share that ended remains for a moment."""
        return self.is_lent and not (self.ends_at and self.ends_at <= now)


@dataclass(frozen=True)
class Request:
    """A process's request for a part of one limit. An expected call takes nothing that another might need first.

    `in_use` is the share that the process may use until it knows the answer.
    """

    speaker: str
    wanted: Share
    is_expected: bool = False
    in_use: Share = NOTHING
    number: int = 0


RateRule = Callable[[Limit, Request, Sequence[Claim], datetime, datetime], float]
"""Returns the rate for a request beside others' claims. The first moment is since when the process waits; then now."""


def claim_for(
    rule: RateRule, limit: Limit, request: Request, own: Claim | None, others: Sequence[Claim], now: datetime
) -> Claim | None:
    """Return the new claim of a process: holding, or waiting while no capacity is free.

    None refuses: a share held before stays as it is until it expires, and an expected call does not wait. When it is
    over, the places of the calls in flight are still held.
    """
    holding_since = own.started_at if own and own.is_lent else None
    waiting_since = own.started_at if own and not own.is_lent else now
    share = allocate(rule, limit, request, others, waiting_since, now)
    made = Claim(
        request.speaker, State.HOLDING, waiting_since, request.wanted, in_use=request.in_use, number=request.number
    )
    if share:
        return replace(made, started_at=holding_since or now, granted=share)
    if request.in_use.concurrency and not (own and own.is_used(now)):
        return made
    if holding_since or request.is_expected:
        return None
    return replace(made, state=State.WAITING)


def allocate(
    rule: RateRule,
    limit: Limit,
    request: Request,
    others: Sequence[Claim],
    waiting_since: datetime,
    now: datetime,
) -> Share | None:
    """Return the share of a process that asks; None while no capacity is free.

    The share is at most the wanted one, at most the fair one and at most the free rest. Capacity stays reserved for
    each process that has waited longer and, where possible, for one newcomer. `others` are all claims but the asker's
    own: a renewal frees the share that it replaces.
    """
    rate = rule(limit, request, others, waiting_since, now)
    taken = slots_taken(claim for claim in others if claim.speaker != request.speaker)
    ahead = sum(claim.is_ahead_of(waiting_since, now) for claim in others)
    free = limit.slots - taken - ahead
    kept = always_keeping if request.is_expected else keeping
    concurrency = min(fair_places(limit, request, others, now), floor(kept(1, free)))
    if concurrency < 1 and not request.is_expected:
        # One call after another may use the margin: otherwise the last of several would wait for the others.
        concurrency = min(1, free + limit.concurrency - limit.slots)
    return Share(rate, concurrency) if rate >= limit.least and concurrency >= 1 else None


def fair_places(limit: Limit, request: Request, others: Iterable[Claim], now: datetime) -> int:
    """Return the calls in flight that all can have at once."""
    wanted = min(request.wanted.concurrency, limit.slots)
    slots = _by_speaker((each.speaker, min(each.demand(now).concurrency, limit.slots)) for each in others)
    slots[request.speaker] = max(slots[request.speaker], wanted)
    return max(1, floor(min(wanted, max_min_level(limit.slots, list(slots.values())))))


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


def keeping(spare: float, free: float) -> float:
    """Return the part of the free share that leaves `spare` for a newcomer; the last `spare` is given out whole."""
    return max(free - spare, min(free, spare))


def always_keeping(spare: float, free: float) -> float:
    """Return the part of the free share beyond `spare`."""
    return free - spare
