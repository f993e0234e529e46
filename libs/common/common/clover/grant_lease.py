"""One merchant's quota in this process: the grant that its sessions share, renewed in time, and its pace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from common.clock import Clock
from common.clover.breaker import Breaker, Lane
from common.clover.grants import Grant, Grants
from common.clover.pace import Pace
from common.errors import Transient

RENEW_AT = 0.6
"""The part of a grant's lifetime after which it is renewed; the rest leaves time for retries."""


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


class GrantLease:
    """Holds a merchant's grant while sessions of this process use it, and gives it back after the last."""

    def __init__(self, merchant_id: str, grants: Grants, breaker: Breaker, clock: Clock) -> None:
        self._merchant_id = merchant_id
        self._region = ""
        self._breaker = breaker
        self._grants = grants
        self._clock = clock
        self._pace = Pace(clock)
        self._lock = asyncio.Lock()
        self._sessions = 0
        self._grant: Grant | None = None
        self._renew_at = self._expires_at = 0.0

    @property
    def concurrency(self) -> int:
        """The number of calls that may be in flight at once, as granted last."""
        return self._pace.concurrency

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Grant]:
        """Hold the merchant's grant for the block. Raise OutOfService while Clover answers no reads."""
        self._breaker.check(self._region, self._merchant_id, Lane.READ)
        self._sessions += 1
        try:
            yield await self._fresh()
        finally:
            self._sessions -= 1
            await self._give_back_unused()

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[Grant]:
        """Wait for one call's turn, with a valid grant. A Throttled raised in the block slows all later calls."""
        async with self._pace.permit() as sent_at:
            with self._pace.learn(sent_at):
                yield await self._fresh()

    @asynccontextmanager
    async def reserve(self, calls: int) -> AsyncIterator["Reservation"]:
        """Wait for the turn of the first of this many calls that follow one another; they are made in the block."""
        async with self._pace.permit() as sent_at:
            yield Reservation(self._pace, await self._fresh(), sent_at, calls)

    async def _fresh(self) -> Grant:
        async with self._lock:
            if self._grant is None or self._clock.monotonic() >= self._renew_at:
                self._grant = await self._renewed(self._grant)
            return self._grant

    async def _renewed(self, held: Grant | None) -> Grant:
        requested_at = self._clock.monotonic()
        try:
            grant = await self._grants.take(self._merchant_id)
        except Transient:
            if held is None or self._clock.monotonic() >= self._expires_at:
                raise
            return held
        self._region = grant.region
        self._renew_at, self._expires_at = requested_at + grant.expires_in * RENEW_AT, requested_at + grant.expires_in
        self._pace.limit(grant.rate, grant.concurrency)
        return grant

    async def _give_back_unused(self) -> None:
        async with self._lock:
            if self._sessions or self._grant is None:
                return
            grant, self._grant = self._grant, None
            await self._grants.give_back(grant)


class Reservation:
    """Calls of one caller that follow one another, with one place in flight and a grant that needs no renewal."""

    concurrency = 1

    def __init__(self, pace: Pace, grant: Grant, sent_at: float, calls: int) -> None:
        self._pace = pace
        self._grant = grant
        self._sent_at: float | None = sent_at
        self._left = calls

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[Grant]:
        """Start the next call. Raise RuntimeError when all reserved calls are made."""
        if not self._left:
            raise RuntimeError("more calls than were reserved")
        self._left -= 1
        sent_at = await self._pace.follow() if self._sent_at is None else self._sent_at
        self._sent_at = None
        with self._pace.learn(sent_at):
            yield self._grant

    @asynccontextmanager
    async def reserve(self, calls: int) -> AsyncIterator["Reservation"]:
        """Return this reservation, because its calls follow one another already."""
        if calls > self._left:
            raise RuntimeError("more calls than were reserved")
        yield self
