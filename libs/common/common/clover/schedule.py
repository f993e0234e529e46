"""When the next call may start: at a rate on average, and never more calls in any second than that."""

from collections import deque
from math import ceil, inf

SECOND = 1.0
"""Clover counts the calls of the last second."""


class Schedule:
    """The starts of calls at a rate that may change. A call that starts late by up to `catch_up` s delays no later one.

    With `most_in_a_second` the calls of any second are bounded as well, by when they started and not by when they were
    due: after a stall of the process, or of the machine, all that waited would start within the same second.
    """

    def __init__(self, catch_up: float, *, most_in_a_second: bool = False) -> None:
        self._catch_up = catch_up
        self._is_bounded = most_in_a_second
        self._due = -inf
        self._started: deque[float] = deque()

    def next_at(self, rate: float) -> float:
        """Return the earliest start of the next call at this many calls a second."""
        due, most = self._due + 1 / rate, ceil(rate)
        if self._is_bounded and len(self._started) >= most:
            return max(due, self._started[-most] + SECOND)
        return due

    def start(self, rate: float, now: float) -> None:
        """Count a call that starts now."""
        self._due = max(self._due + 1 / rate, now - self._catch_up)
        self._started.append(now)
        while self._started[0] <= now - SECOND:
            self._started.popleft()
