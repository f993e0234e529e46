"""Lets orders that are pushed side by side take turns where one must not overtake or double another."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from common.errors import AppError


class Turns:
    """One at a time under each name."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def of(self, names: Iterable[str]) -> AsyncIterator[None]:
        """Run the block while no other block of one of these names runs."""
        async with AsyncExitStack() as held:
            for name in sorted(set(names)):  # in one order, so that no two wait for each other
                await held.enter_async_context(self._locks[name])
            yield


class InOrder:
    """Blocks in the order of arrival. After an error of these classes all later ones end with it.

    Each waits for the end of the one before, or until `head_start` is over, which a block may begin.
    """

    def __init__(self, *ending: type[AppError], head_start: float = 0.0) -> None:
        self._lock = asyncio.Lock()
        self._ending = ending
        self._head_start = head_start
        self._ended: AppError | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["Turn"]:
        """Run the block in its turn. Raise the error with which an earlier one ended."""
        await self._lock.acquire()
        turn = Turn(self._lock, self._head_start)
        try:
            if self._ended is not None:
                raise self._ended
            yield turn
        except self._ending as error:
            self._ended = error
            raise
        finally:
            turn.end()


class Turn:
    """The time for which the next block waits."""

    def __init__(self, lock: asyncio.Lock, head_start: float) -> None:
        self._lock = lock
        self._head_start = head_start
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    def begin_head_start(self) -> None:
        """Let the next block begin after the head start, although this one may not have ended."""
        self._timer = asyncio.get_running_loop().call_later(self._head_start, self.end)

    def end(self) -> None:
        """Let the next block begin."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._is_over:
            self._is_over = True
            self._lock.release()
