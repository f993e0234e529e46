"""When the next call may start: at a rate on average, and never more calls in any second than Clover allows."""

from collections import deque
from math import inf

SECOND = 1.0
"""Clover counts the calls of the last second."""


class Schedule:
    """The starts of calls at a rate that may change. A call up to `catch_up` seconds late delays no later one.

    After a pause, two calls start at once at any rate: a visit of two calls waits for nothing.
    """

    def __init__(self, catch_up: float) -> None:
        self._catch_up = catch_up
        self._due = -inf

    def next_at(self, rate: float) -> float:
        """Return the earliest start of the next call at this many calls a second."""
        return self._due + 1 / rate

    def start(self, rate: float, now: float) -> None:
        """Count a call that starts now."""
        self._due = max(self._due + 1 / rate, now - max(self._catch_up, 1 / rate))


class Window:
    """The calls that Clover may count in one second: those in flight, and those that ended less than a second ago.

    A call arrives at some moment between its start and its end. A stall on the way lets calls that started over more
    than a second arrive within one, so a second is counted from the end of a call.
    """

    def __init__(self) -> None:
        self._in_flight = 0
        self._ended: deque[float] = deque()

    def next_at(self, most: int, calls: int) -> float:
        """Return when this many calls fit in among `most`; infinite while one has to end first."""
        others = most - calls - self._in_flight
        if others < 0:
            return inf
        if len(self._ended) <= others:
            return -inf
        return self._ended[-others - 1] + SECOND

    def count(self, now: float) -> int:
        """Return the calls that Clover may count now."""
        return self._in_flight + sum(ended > now - SECOND for ended in self._ended)

    def start(self, calls: int) -> None:
        """Count calls that start now, or follow one that does."""
        self._in_flight += calls

    def end(self, calls: int, now: float) -> None:
        """Count the end of calls, which Clover may have received just now."""
        self._in_flight -= calls
        self._ended.extend([now] * calls)
        while self._ended[0] <= now - SECOND:
            self._ended.popleft()
