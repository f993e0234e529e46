"""The calls in flight, and the renewal of the share under which they were started."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

from common.clock import Clock

LEAST_PAUSE = 0.05
"""Seconds before the first renewal: a call that ends by then costs no request."""


class InFlight:
    """Counts the calls in flight, and renews their share beside them when no other call does.

    A call may last longer than its share. Catalog would lend its place again, and Clover would have more calls in
    flight than it allows.
    """

    def __init__(
        self, due_at: Callable[[], float], renew: Callable[[], Coroutine[None, None, None]], clock: Clock
    ) -> None:
        self._due_at = due_at
        self._renew = renew
        self._clock = clock
        self._timer: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self.count = 0

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count a call during the block."""
        self.count += 1
        if self._timer is None:
            self.rearm()
        try:
            yield
        finally:
            self.count -= 1
            if not self.count:
                self.rearm()

    def rearm(self) -> None:
        """Wait anew, after another share was lent: it is due at another time."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.create_task(self._keep(), name="share of calls in flight") if self.count else None

    async def _keep(self) -> None:
        while True:
            await self._clock.sleep(max(self._due_at() - self._clock.monotonic(), LEAST_PAUSE))
            # A task of its own: calls of other merchants wait for the same request, which must not end with this call.
            self._renewal = asyncio.create_task(self._renew())
            await asyncio.wait([self._renewal])
