"""Time comes from here, so that tests can move it."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits; the services are handed one and never ask the system themselves."""

    def now(self) -> datetime:
        """Return the moment, in UTC with its zone."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow, for measuring and pacing."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Raise TimeoutError when the block takes longer than this many seconds, as asyncio.timeout does."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the moment, in UTC with its zone."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Raise TimeoutError when the block takes longer than this many seconds."""
        return asyncio.timeout(seconds)
