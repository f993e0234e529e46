"""The pages of a list on their way side by side, by their offsets."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeAlias

from catalog.clover.items import ItemPage
from catalog.sync.cursor import STEP, Cursor

Read: TypeAlias = tuple[int, ItemPage]
"""A page with the number of its read."""

BESIDES_CALLS = 2
"""Pages on their way beside the calls that may be in flight: one is saved, one waits for its turn to call. More would
pile up where saving is slower than calling, and live work waits until all that were called are saved."""

LOOK_SECONDS = 0.05
"""Interval between two looks for more urgent work while no page comes: a turn to call may take seconds."""


class Pages:
    """The pages on their way in one slice; those that are left when it ends are cancelled.

    `read` reads the page at an offset, and notes the offset as soon as it is its turn to call. `gives_way` returns
    whether the slice should end: then no further page is called, and those that were called are still taken.
    """

    def __init__(
        self, read: Callable[[int, set[int]], Awaitable[Read]], gives_way: Callable[[], Awaitable[bool]]
    ) -> None:
        self._read = read
        self._gives_way = gives_way
        self._under_way: dict[int, asyncio.Task[Read]] = {}
        self._called: set[int] = set()
        self._starts_more = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def start(self, cursor: Cursor, concurrency: int, total: int | None) -> None:
        """Start reading the pages that follow the cursor, as many as may be on their way.

        Those beyond the `total` of the last time are probably empty, so that only the next page is read there.
        """
        offset = cursor.offset
        while self._starts_more and len(self._under_way) < concurrency + BESIDES_CALLS:
            if total is not None and offset >= total and self._under_way:
                return
            if offset not in self._under_way and offset not in cursor.beyond:
                self._under_way[offset] = asyncio.ensure_future(self._read(offset, self._called))
            offset += STEP

    async def look(self) -> None:
        """Give up the pages that wait for their turn to call if more urgent work waits for it, too."""
        if not self._starts_more or not await self._gives_way():
            return
        self._starts_more = False
        for offset in self._under_way.keys() - self._called:
            self._under_way.pop(offset).cancel()

    async def take(self, reached: int, *, any_full: bool) -> tuple[int, Read] | None:
        """Return a page that has come, with its offset; None when none is left.

        The one at `reached` is taken, or `any_full` one. A shorter page ends the list, so those before it come first.
        """
        while self._under_way:
            for offset, task in self._under_way.items():
                if task.done() and (offset == reached or (any_full and not task.result()[1].is_last)):
                    return offset, self._under_way.pop(offset).result()
            waiting = [task for task in self._under_way.values() if not task.done()]
            if not waiting:
                break
            done, _ = await asyncio.wait(waiting, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                await self.look()
        return None
