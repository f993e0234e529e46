"""How progress is told: one line at a time, to whoever asked."""

import time
from collections.abc import Callable

Progress = Callable[[str], None]
"""Takes one finished line of progress."""


def stopwatch() -> Callable[[], str]:
    """Starts now; each call tells how long ago that was, such as `0.9 s`."""
    began = time.monotonic()
    return lambda: f"{time.monotonic() - began:.1f} s"
