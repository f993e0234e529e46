"""The rate limiter for one merchant's calls: evenly spaced, without bursts, with bounded concurrency."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TypeVar

from common.clock import Clock
from common.errors import OutOfService, Throttled

T = TypeVar("T")

PAUSE = timedelta(seconds=1)
"""The pause after a 429 without Retry-After, which doubles with each in a row; Clover asks for at least this
(documented)."""

LONGEST_UNASKED = timedelta(seconds=8)
"""Upper bound of that pause, so that work goes on soon after Clover takes calls again."""

LONGEST_PAUSE = timedelta(hours=1)

PATIENCE = 5.0
"""Seconds that a call waits for a pause to end; a longer pause raises Throttled, so that no grant is held idle."""

LEAST_SHARE = 1 / 16
LEAST_RATE = 1.0
"""Lower bound of the rate after 429s, in calls per second, unless less is granted. A share of a grant for single calls
would be seconds between calls, and an order would take minutes after Clover takes calls again."""

CATCH_UP_SECONDS = 0.05
"""A call that waited for its turn and starts up to this much late, because the process was busy, does not delay the
next one. At 14 calls a second a millisecond each is one call in seventy, and decoding a page of items takes twenty. It
is less than the interval of any merchant's calls, so that no two start at once."""

RECOVERY = 1 / 100
"""The part of the granted rate that each successful call restores after a 429."""


class Pace:
    """The rate limiter of one merchant in this process. It outlives grants, so that a new grant allows no burst.

    Calls are 1/rate seconds apart (a generic cell rate algorithm without burst) and start in the order of their
    requests; at most `concurrency` run at once. Only `follow` starts a call earlier, and after a call that was late the
    next one starts up to CATCH_UP_SECONDS earlier. After a 429 the rate is halved and all calls pause; successful calls
    restore the rate gradually.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rate, self._concurrency = 1.0, 1
        self._share = 1.0
        self._next = self._paused_until = self._halved_at = clock.monotonic()
        self._unasked = PAUSE
        self._in_flight = 0
        self._line = asyncio.Lock()
        self._room = asyncio.Event()

    @property
    def rate(self) -> float:
        """The current calls per second."""
        return max(self._rate * self._share, min(self._rate, LEAST_RATE))

    @property
    def concurrency(self) -> int:
        """The number of calls that may run at once."""
        return self._concurrency

    def limit(self, rate: float, concurrency: int) -> None:
        """Set the limits: calls per second, and calls at once. The next call comes one new interval after the last."""
        interval = 1 / self.rate
        self._rate, self._concurrency = rate, concurrency
        self._next += 1 / self.rate - interval
        self._room.set()

    @asynccontextmanager
    async def permit(self, budget: AbstractAsyncContextManager[T]) -> AsyncIterator[tuple[float, T]]:
        """Wait until one call may start; the block gets its start (monotonic). `budget` is entered for the block.

        The budget of the process comes last, so that no call of another merchant waits for the pace of this one. Raise
        Throttled when a pause that Clover asked for lasts more than five seconds longer.
        """
        async with AsyncExitStack() as held:
            async with self._line:
                while self._in_flight >= self._concurrency:
                    self._room.clear()
                    await self._room.wait()
                late = await self._turn()
                entered = await held.enter_async_context(budget)
                sent_at = self._started(late)
                self._in_flight += 1
            try:
                yield sent_at, entered
            finally:
                self._in_flight -= 1
                self._room.set()

    async def follow(self) -> float:
        """Start a call within the permit of another one that has ended; return its start (monotonic).

        It waits for a pause only and not for its turn; later calls wait for it instead, so the rate stays the same.
        """
        await self._pause_ends()
        return self._started()

    def _started(self, late: float = 0.0) -> float:
        """Count a call that starts now, `late` seconds after its turn."""
        now = self._clock.monotonic()
        self._next = max(self._next, now - min(late, CATCH_UP_SECONDS)) + 1 / self.rate
        return now

    async def _turn(self) -> float:
        """Wait for the turn of a call; return how late it starts. One that needs no wait is not late."""
        await self._pause_ends()
        late = 0.0
        while (wait := self._next - self._clock.monotonic()) > 0:
            await self._clock.sleep(wait)
            late = max(self._clock.monotonic() - self._next, 0.0)
            await self._pause_ends()
        return late

    async def _pause_ends(self) -> None:
        while (wait := self._paused_until - self._clock.monotonic()) > 0:
            if wait > PATIENCE:
                raise Throttled("Clover asked for a pause that is not over", timedelta(seconds=wait))
            await self._clock.sleep(wait)

    @contextmanager
    def learn(self, sent_at: float) -> Iterator[None]:
        """Slow all later calls when the call that is made in the block raises Throttled, else restore the rate.

        The Throttled gets the time left of the pause, so that the work of this call waits for it like all other work.
        """
        try:
            yield
        except OutOfService:
            raise
        except Throttled as error:
            error.retry_after = self._throttled(sent_at, error.retry_after)
            raise
        self._unasked = PAUSE
        self._share = min(1.0, self._share + RECOVERY)

    def _throttled(self, sent_at: float, retry_after: timedelta | None) -> timedelta:
        """Halve the rate, once for all calls that ran together, and pause. Return the time left of the pause."""
        now, pause = self._clock.monotonic(), PAUSE if retry_after is None else min(retry_after, LONGEST_PAUSE)
        if sent_at >= self._halved_at:
            self._share = max(self._share / 2, LEAST_SHARE)
            self._halved_at = now
            if retry_after is None:
                pause, self._unasked = self._unasked, min(2 * self._unasked, LONGEST_UNASKED)
        self._paused_until = max(self._paused_until, now + pause.total_seconds())
        return timedelta(seconds=self._paused_until - now)
