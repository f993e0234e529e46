"""The sandbox's clock: the machine's time plus the time by which a test advanced it."""

import time


class Clock:
    """A wall clock that tests can advance, and a monotonic clock for rate limits, which they cannot."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def advance(self, seconds: float) -> None:
        """Advance the wall clock. It decides order windows and token lifetimes."""
        self._ahead += seconds

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time() + self._ahead

    def now_ms(self) -> int:
        """Return milliseconds since the epoch, rounded down to a whole second like Clover's (recorded)."""
        return int(self.now()) * 1000

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes backwards."""
        return time.monotonic()
