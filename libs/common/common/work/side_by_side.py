"""Runs keys side by side, started in their sequence, while some write to the database and others call."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol


class Source(Protocol):
    """A source of further keys, asked while earlier ones are still under way, so that calls stay in flight."""

    def is_due(self, left: int, width: int) -> bool:
        """Return whether keys are to be taken now that `left` wait to be started; `width` run at once."""
        ...

    async def take(self) -> Sequence[str]:
        """Return further keys, in their sequence."""
        ...


class NoSource:
    """The source of a batch that has all its keys."""

    def is_due(self, left: int, width: int) -> bool:
        """Implement Source."""
        del left, width
        return False

    async def take(self) -> Sequence[str]:
        """Implement Source."""
        return ()


class SideBySide:
    """Keys under way at the same time, up to `width()` of them.

    No key but the first is started once `is_over()` holds, and none once `attempt` has raised: an error that concerns
    one key alone is `attempt`'s own to record.
    """

    def __init__(
        self,
        keys: Iterable[str],
        attempt: Callable[[str], Awaitable[None]],
        source: Source,
        *,
        width: Callable[[], int],
        is_over: Callable[[], Awaitable[bool]],
    ) -> None:
        self._waiting = deque(keys)
        self._attempt = attempt
        self._source = source
        self._width = width
        self._is_over = is_over
        self._is_begun = False
        self._under_way = 0
        self._errors: list[Exception] = []
        self._group = asyncio.TaskGroup()
        self._taking: asyncio.Task[None] | None = None

    async def run(self) -> Sequence[str]:
        """Return the keys that were not started. Raise the first error, once all keys under way have ended."""
        async with self._group:
            self._start_more()
        if self._errors:
            raise self._errors[0]
        return self._waiting

    def _start_more(self) -> None:
        for _ in range(min(self._width() - self._under_way, len(self._waiting))):
            self._under_way += 1
            self._group.create_task(self._work_through())

    async def _work_through(self) -> None:
        while not self._errors and not await self._ends() and (key := await self._next()) is not None:
            self._start_more()
            try:
                await self._attempt(key)
            except Exception as error:  # noqa: BLE001 - raised later: it must not cancel calls under way
                self._errors.append(error)
        self._under_way -= 1

    async def _ends(self) -> bool:
        """Return whether no further key is to be started.

        One is started in any case: the calls before may have lasted for the whole slice, and would be made again.
        """
        if not self._is_begun:
            self._is_begun = True
            return False
        return await self._is_over()

    async def _next(self) -> str | None:
        if self._taking is None and self._source.is_due(len(self._waiting), self._width()):
            self._taking = self._group.create_task(self._take())
        while not self._waiting and self._taking is not None:
            await asyncio.wait([self._taking])
        return self._waiting.popleft() if self._waiting else None

    async def _take(self) -> None:
        try:
            self._waiting.extend(await self._source.take())
        except Exception as error:  # noqa: BLE001 - as above
            self._errors.append(error)
        self._taking = None
        self._start_more()
