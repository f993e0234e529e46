"""Spaces the calls for one merchant evenly: never a burst, never more in flight than granted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from common.clock import Clock
from common.errors import Throttled

REST = timedelta(seconds=1)
"""How long nobody calls after a 429 that names no time; Clover asks for at least this (documented)."""

LONGEST_REST = timedelta(hours=1)

PATIENCE = 5.0
"""Seconds a call waits for a rest to end; for longer ones it is told to come again, so that no grant idles."""

LEAST_SHARE = 1 / 16
RECOVERY = 1 / 100
"""The part of the granted rate that each call that goes well wins back after a 429."""


class Pace:
    """The pace of one merchant in this process. It outlives grants, so that taking one anew gives no burst.

    Calls are at least 1/rate seconds apart (a generic cell rate algorithm without burst) and go in the order they
    came; at most `concurrency` are in flight. After a 429 the rate is halved and everybody rests; calls that go
    well win the rate back little by little.
    """

    def __init__(self, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._rate, self._concurrency = 1.0, 1
        self._share = 1.0
        self._next = self._halved_at = clock.monotonic()
        self._reserved = 0
        self._in_flight = 0
        self._line = asyncio.Lock()
        self._room = asyncio.Event()

    @property
    def rate(self) -> float:
        """Calls a second at present."""
        return self._rate * self._share

    async def reserve(self, calls: int) -> None:
        """Wait until so many turns have come and keep them: the next calls then go without a pause between them.

        The rate stays what it is; at most `calls` go closer together than 1/rate.
        """
        async with self._line:
            self._next += (calls - 1) / self.rate
            await self._turn()
            self._reserved = calls

    def limit(self, rate: float, concurrency: int) -> None:
        """Keep to these limits from now on: calls a second, and calls in flight."""
        self._rate, self._concurrency = rate, concurrency
        self._room.set()

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[float]:
        """The place of one call: waits until it may go; gives the moment (monotonic) it went.

        Raises Throttled when a rest Clover asked for lasts longer than five seconds more.
        """
        async with self._line:
            while self._in_flight >= self._concurrency:
                self._room.clear()
                await self._room.wait()
            if self._reserved:
                self._reserved -= 1
            else:
                await self._turn()
            went = self._clock.monotonic()
            self._next = went + 1 / self.rate
            self._in_flight += 1
        try:
            yield went
        finally:
            self._in_flight -= 1
            self._room.set()

    async def _turn(self) -> None:
        while (wait := self._next - self._clock.monotonic()) > 0:
            if wait > max(PATIENCE, 1 / self.rate):
                raise Throttled("Clover asked for a rest that is not over", timedelta(seconds=wait))
            await self._sleep(wait)

    def throttled(self, went: float, retry_after: timedelta | None) -> None:
        """A call that went at this moment got a 429: halve the rate, once for all calls then in flight, and rest."""
        now = self._clock.monotonic()
        if went >= self._halved_at:
            self._share = max(self._share / 2, LEAST_SHARE)
            self._halved_at = now
        self._reserved = 0
        rest = min(REST if retry_after is None else retry_after, LONGEST_REST)
        self._next = max(self._next, now + rest.total_seconds())

    def went_well(self) -> None:
        """A call was answered without complaint."""
        self._share = min(1.0, self._share + RECOVERY)
