"""The sandbox's time: the machine's own, which a test may move forward."""

import time


class Clock:
    """Wall time that can be advanced, and a monotonic time that cannot (rate limits are kept by the latter)."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def advance(self, seconds: float) -> None:
        """Move the wall clock forward: order windows, token lifetimes."""
        self._ahead += seconds

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._ahead

    def now_ms(self) -> int:
        """Milliseconds since the epoch, on a whole second as Clover's are (recorded)."""
        return int(self.now()) * 1000

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()
