"""A memory of the values used last: bounded in number and in time."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from common.clock import Clock

K = TypeVar("K")
V = TypeVar("V")

LONGEST = 3600.0
"""Seconds after which nothing of a merchant, a token least of all, may still be in memory."""

MOST = 10_000
"""Values that one process remembers; a sweep of more merchants forgets the first before it returns to them."""


class Recent(Generic[K, V]):
    """Values by key: the `most` that were set or used last, each for `seconds` from then.

    `get` only looks, so a value that is looked at but never set again ends in time. A timer drops expired values even
    when nothing is used any more.
    """

    def __init__(self, clock: Clock, *, seconds: float = LONGEST, most: int = MOST) -> None:
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._values: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        self._expire()
        return len(self._values)

    def get(self, key: K) -> V | None:
        """Return the value; None when it is not known or has expired."""
        self._expire()
        value, _ = self._values.get(key, (None, 0.0))
        return value

    def use(self, key: K, make: Callable[[], V]) -> V:
        """Return the value, made now when it is not known, and keep it for longer."""
        value = self.get(key)
        if value is None:
            value = make()
        self[key] = value
        return value

    def __setitem__(self, key: K, value: V) -> None:
        """Remember the value; the oldest one is dropped when there are too many."""
        self._values[key] = value, self._clock.monotonic() + self._seconds
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
        if self._timer is None:
            with suppress(RuntimeError):  # without a loop, no process idles that would have to expire something
                self._timer = asyncio.get_running_loop().call_later(self._seconds, self._expire_on_time)

    def forget(self, key: K) -> None:
        """Drop the value of this key, if there is one."""
        self._values.pop(key, None)

    def forget_all(self, matches: Callable[[K], bool]) -> None:
        """Drop the values of all keys that match."""
        for key in [key for key in self._values if matches(key)]:
            del self._values[key]

    def _expire(self) -> None:
        now = self._clock.monotonic()
        while self._values and next(iter(self._values.values()))[1] <= now:
            self._values.popitem(last=False)

    def _expire_on_time(self) -> None:
        self._expire()
        self._timer = None
        if self._values:
            _, ends_at = next(iter(self._values.values()))
            wait = max(ends_at - self._clock.monotonic(), 0.0)
            self._timer = asyncio.get_running_loop().call_later(wait, self._expire_on_time)
