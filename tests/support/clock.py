"""A clock that tests move."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from common.clock import SystemClock

TICK_SECONDS = 0.005

BREATHS = 20
"""Times that other tasks go on, enough for everything that can to happen."""

LEAST_STEP = 1e-6
"""A timedelta has whole microseconds."""


async def breathe() -> None:
    """Let all other tasks go on until each waits for something."""
    for _ in range(BREATHS):
        await asyncio.sleep(0)


class FakeClock:
    """Stands still until a test advances it; sleepers and timeouts wake when their moment has come."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) -> None:
        self._now = now
        self._monotonic = 0.0
        self._alarms: dict[object, tuple[float, Callable[[], None]]] = {}

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was advanced by this many seconds; at once when there are none to wait."""
        if seconds <= 0:
            return await asyncio.sleep(0)
        over = asyncio.Event()
        alarm = object()
        self._alarms[alarm] = self._monotonic + seconds, over.set
        try:
            await over.wait()
        finally:
            self._alarms.pop(alarm, None)

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[None]:
        """Raise TimeoutError when the clock is advanced by this many seconds during the block."""
        alarm = object()
        try:
            async with asyncio.timeout(0 if seconds <= 0 else None) as limit:
                self._alarms[alarm] = self._monotonic + seconds, lambda: limit.reschedule(0)
                yield
        finally:
            self._alarms.pop(alarm, None)

    @asynccontextmanager
    async def running(self, speed: float = 10.0) -> AsyncIterator[None]:
        """Advance with real time during the block, this many times as fast, for loops that wait by themselves."""
        ticking = asyncio.create_task(self._tick(speed), name="clock")
        try:
            yield
        finally:
            ticking.cancel()

    async def _tick(self, speed: float) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            self.advance((now - before) * speed)
            before = now

    async def pass_time(self, seconds: float) -> None:
        """Move on by this many seconds, from alarm to alarm; everybody runs in between."""
        until = self._monotonic + seconds
        while self._monotonic < until:
            await breathe()
            at = min((moment for moment, _ in self._alarms.values()), default=until)
            self.advance(max(min(at, until) - self._monotonic, 0.0) + LEAST_STEP)
        await breathe()

    @property
    def sleepers(self) -> int:
        """The number of sleeps and timeouts that wait for the clock."""
        return len(self._alarms)

    def correct(self, by: timedelta) -> None:
        """Set the time of day forward or back, as a time server does; the monotonic clock goes on."""
        self._now += by

    def advance(self, by: timedelta | float) -> None:
        """Move on by this time, or by this many seconds, and wake the sleepers whose moment has come."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        self._now += step
        self._monotonic += step.total_seconds()
        for alarm, (moment, wake) in list(self._alarms.items()):
            if moment <= self._monotonic:
                del self._alarms[alarm]
                wake()


class MovedClock(SystemClock):
    """The machine's clock for waits and limits, and a time of day that only a test moves.

    Thus nothing becomes due by itself, however slow the machine is. Each look is a microsecond later, so that no two
    moments are the same.
    """

    def __init__(self) -> None:
        self._now = super().now()
        self._ahead = 0.0

    def now(self) -> datetime:
        self._now += timedelta(microseconds=1)
        return self._now

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead

    def go_back_to(self, now: datetime) -> None:
        """Correct a clock that was ahead; the monotonic clock goes on."""
        self._now = now

    def advance(self, by: timedelta | float) -> None:
        """Move on by this time, or by this many seconds."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        self._now += step
        self._ahead += step.total_seconds()
