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
    """One at a time, in the order of arrival. After an error of these classes all later ones end with it."""

    def __init__(self, *ending: type[AppError]) -> None:
        self._lock = asyncio.Lock()
        self._ending = ending
        self._ended: AppError | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Run the block when all that arrived before have succeeded. Raise the error with which one of them ended."""
        async with self._lock:
            if self._ended is not None:
                raise self._ended
            try:
                yield
            except self._ending as error:
                self._ended = error
                raise
