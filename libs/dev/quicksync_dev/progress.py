"""Reports progress, one line at a time."""

import time
from collections.abc import Callable

Progress = Callable[[str], None]
"""Takes one finished line of progress."""


def stopwatch() -> Callable[[], str]:
    """Start a stopwatch. Each call returns the elapsed time, such as `0.9 s`."""
    began = time.monotonic()
    return lambda: f"{time.monotonic() - began:.1f} s"
