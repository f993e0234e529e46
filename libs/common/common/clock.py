"""Time comes from here, so that tests can move it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; the services are handed one and never ask the system themselves."""

    def now(self) -> datetime:
        """The moment, in UTC with its zone."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow, for measuring and pacing."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
