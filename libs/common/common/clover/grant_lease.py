"""One merchant's quota in this process: the grant that its sessions share, renewed in time, and its pace."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol

from common.clock import Clock
from common.clover.breaker import Breaker, Lane
from common.clover.call_budget import CallBudget, Follow
from common.clover.grants import Grant, MerchantGrants, Want
from common.clover.in_flight import InFlight
from common.clover.pace import Pace
from common.db.unit import Priority
from common.errors import AppError, Transient

ENDS_SOON = 0.5
"""Seconds before the end of a grant when it is renewed for calls in flight; catalog counts it as long after its end."""


class Permits(Protocol):
    """The right to make calls for one merchant."""

    @property
    def concurrency(self) -> int:
        """The number of calls that may be in flight at once."""
        ...

    def permit(self) -> AbstractAsyncContextManager[Grant]:
        """Wait until one call may start; it is made in the block."""
        ...

    def reserve(self, calls: int) -> AbstractAsyncContextManager["Permits"]:
        """Wait until this many calls may follow one another; they are made in the block."""
        ...

    async def replacement(self, refused: Grant) -> Grant | None:
        """Return a grant with another token than this one's, which Clover refused; None if catalog has no other."""
        ...


class GrantLease:
    """Holds a merchant's grant for the sessions of this process, one after another, and paces their calls."""

    def __init__(
        self, merchant_id: str, grants: MerchantGrants, budget: CallBudget, breaker: Breaker, clock: Clock
    ) -> None:
        self._merchant_id = merchant_id
        self._region = ""
        self._breaker = breaker
        self._grants = grants
        self._budget = budget
        self._clock = clock
        self._pace = Pace(clock)
        self._lock = asyncio.Lock()
        self._priority = Priority.NORMAL
        self._grant: Grant | None = None
        self._want = Want.LITTLE
        self._calls = 0
        self._renew_at = self._expires_at = 0.0
        self._in_flight = InFlight(lambda: self._expires_at - ENDS_SOON, self._renew, clock)

    @property
    def concurrency(self) -> int:
        """The number of calls that may be in flight at once, as granted last."""
        return self._pace.concurrency

    async def begin(self, priority: Priority) -> Grant:
        """Return a valid grant for a session whose calls have this priority.

        Raise OutOfService while Clover answers no reads.
        """
        self._breaker.check(self._region, self._merchant_id, Lane.READ)
        self._priority = priority
        return await self._fresh()

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[Grant]:
        """Wait for one call's turn, with a valid grant. A Throttled raised in the block slows all later calls."""
        await self._fresh(calls=1)
        async with self._pace.permit(self._budget.permit(self._priority)) as (sent_at, _):
            with self._in_flight.call(), self._pace.learn(sent_at):
                yield await self._fresh()

    @asynccontextmanager
    async def reserve(self, calls: int) -> AsyncIterator["Reservation"]:
        """Wait for the turn of the first of this many calls that follow one another; they are made in the block."""
        await self._fresh(calls)
        async with self._pace.permit(self._budget.permit(self._priority, calls)) as (sent_at, follow):
            grant = await self._fresh()
            with self._in_flight.call():
                yield Reservation(self._pace, grant, sent_at, calls, follow, self.replacement)

    async def replacement(self, refused: Grant) -> Grant | None:
        """Return a grant with another token than this one's, which Clover refused; None if catalog has no other.

        The refused token is forgotten: it must not serve again once the merchant is connected anew. Of several calls
        that were refused together, the first asks catalog.
        """
        async with self._lock:
            if self._grant is None or self._grant.access_token == refused.access_token:
                self._grants.forget(self._merchant_id)
                self._grant = await self._taken(Want.LITTLE, None)
            if self._grant.access_token != refused.access_token:
                return self._grant
            self._grants.forget(self._merchant_id)
            self._grant = None
            return None

    async def forget_token(self) -> None:
        """Let the next session ask catalog for the token."""
        async with self._lock:
            self._grants.forget(self._merchant_id)
            self._grant = None

    async def _fresh(self, calls: int = 0) -> Grant:
        """Return a grant that is good now. For `calls` beyond a first one, it is all the merchant's calls there are.

        It is asked for before these calls wait for their pace, so that they have the pace of the larger grant.
        """
        async with self._lock:
            if self._grant is None or self._clock.monotonic() >= self._expires_at:
                self._grant = await self._taken(Want.LITTLE, None)
            elif self._clock.monotonic() >= self._renew_at and self._calls + calls > 1:
                self._grant = await self._taken(Want.ALL, self._grant)
            self._calls += calls
            return self._grant

    async def _renew(self) -> None:
        """Renew the grant for the calls in flight, which may last longer than it."""
        async with self._lock:
            if self._grant is not None and self._clock.monotonic() >= self._expires_at - ENDS_SOON:
                with suppress(AppError):  # the calls in flight go on, and are asked for again
                    self._grant = await self._taken(self._want, self._grant)

    async def _taken(self, want: Want, held: Grant | None) -> Grant:
        try:
            grant = await self._grants.take(self._merchant_id, want, self._in_flight.count)
        except Transient:
            if held is None or self._clock.monotonic() >= self._expires_at:
                raise
            return held
        self._region = grant.region
        now = self._clock.monotonic()
        self._renew_at, self._expires_at = now + grant.renew_in, now + grant.expires_in
        self._in_flight.rearm()
        self._pace.limit(grant.rate, grant.concurrency)
        self._calls, self._want = 0, want
        return grant


class Reservation:
    """Calls of one caller that follow one another, with one place in flight and a grant that needs no renewal."""

    concurrency = 1

    def __init__(
        self,
        pace: Pace,
        grant: Grant,
        sent_at: float,
        calls: int,
        follow: Follow,
        replacement: Callable[[Grant], Awaitable[Grant | None]],
    ) -> None:
        self._pace = pace
        self._replacement = replacement
        self._follow = follow
        self._grant = grant
        self._sent_at: float | None = sent_at
        self._left = calls

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[Grant]:
        """Start the next call. Raise RuntimeError when all reserved calls are made."""
        if not self._left:
            raise RuntimeError("more calls than were reserved")
        self._left -= 1
        if self._sent_at is None:
            await self._follow()
            sent_at = await self._pace.follow()
        else:
            sent_at, self._sent_at = self._sent_at, None
        with self._pace.learn(sent_at):
            yield self._grant

    @asynccontextmanager
    async def reserve(self, calls: int) -> AsyncIterator["Reservation"]:
        """Return this reservation, because its calls follow one another already."""
        if calls > self._left:
            raise RuntimeError("more calls than were reserved")
        yield self

    async def replacement(self, refused: Grant) -> Grant | None:
        """Return a grant with another token, as of the lease; the refused call may then be made once more."""
        replacement = await self._replacement(refused)
        if replacement:
            self._grant = replacement
            self._left += 1
        return replacement
