"""Group commit: items that arrive during a transaction are written together in the next one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from common.errors import Unavailable

C = TypeVar("C")
T = TypeVar("T")

LARGEST_GROUP = 2_000
MOST_GROUPS = 4
WRITE_SECONDS = 1.8
"""Clover gives up a webhook after some seconds and repeats it, so a slower write is better refused. The gateway asks
another service meanwhile, and all of that must fit into five seconds."""


@dataclass
class _Group(Generic[T]):
    deadline: float
    items: list[T] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    def end(self, error: Exception | None = None) -> None:
        """Let the callers go on, with this error if there is one. Only the first end counts."""
        if not self.over.is_set():
            self.error = error
            self.over.set()


class GroupCommit(Generic[C, T]):
    """Writes the items of concurrent callers in groups, one group after another, each in one call of `write`.

    `write` commits. Its connection goes back to the pool afterwards, which takes turns of the loop that no caller needs
    to wait for.

    When a group fails, exactly the callers of its items get the error. At most four full groups wait. A group must be
    written WRITE_SECONDS after its first item came; as it forms while the group before it is written, that bounds the
    wait of every caller without a timer for each.
    """

    def __init__(
        self,
        connection: Callable[[], AbstractAsyncContextManager[C]],
        write: Callable[[C, Sequence[T]], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._write = write
        self._waiting: deque[_Group[T]] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def add(self, items: Sequence[T]) -> None:
        """Return once these items are written. Raise the error of `write`, or Unavailable when too many items wait."""
        group = self._joined(items)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._run(), name="group commit")
        await group.over.wait()
        if group.error is not None:
            raise group.error

    def _joined(self, items: Sequence[T]) -> _Group[T]:
        if not self._waiting or len(self._waiting[-1].items) >= LARGEST_GROUP:
            if len(self._waiting) >= MOST_GROUPS:
                raise Unavailable("the database cannot keep up")
            self._waiting.append(_Group(asyncio.get_running_loop().time() + WRITE_SECONDS))
        group = self._waiting[-1]
        group.items.extend(items)
        return group

    async def _run(self) -> None:
        while self._waiting:
            group = self._waiting.popleft()
            try:
                async with asyncio.timeout_at(group.deadline), self._connection() as connection:
                    await self._write(connection, group.items)
                    group.end()
            except TimeoutError:
                group.end(Unavailable("the database did not write in time"))
            except Exception as error:  # noqa: BLE001 - each caller of the group raises it again
                group.end(error)
            finally:
                group.end(Unavailable("the write was interrupted"))
