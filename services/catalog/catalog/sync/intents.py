"""The intent to create something in Clover, which is committed before the call."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from common.db.unit import Unit
from common.errors import Permanent, Transient
from common.work.batch import Batch

T = TypeVar("T")


@asynccontextmanager
async def intent(
    batch: Batch, start: Callable[[Unit], Awaitable[T]], cancel: Callable[[Unit], Awaitable[None]]
) -> AsyncIterator[T]:
    """Commit the intent to create something before the call; yield the result of `start`.

    It is cancelled when the call had no effect. After a call without an answer it stays, until reading settles it.
    """
    async with batch.unit() as unit:
        started = await start(unit)
    try:
        yield started
    except (Permanent, Transient):  # Ambiguous is not caught: there it may exist
        async with batch.unit() as unit:
            await cancel(unit)
        raise
