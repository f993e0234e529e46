"""The time limit of a request: its answer must begin in time, and may then last, as a stream does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

_DEADLINES = web.RequestKey("deadlines", list[asyncio.Timeout])


@asynccontextmanager
async def in_time(request: web.Request, seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError unless the block ends, or the answer begins, within these seconds."""
    async with asyncio.timeout(seconds) as deadline:
        deadlines = request.setdefault(_DEADLINES, [])
        deadlines.append(deadline)
        try:
            yield
        finally:
            deadlines.remove(deadline)


def answer_begins(request: web.Request) -> None:
    """Lift the time limits of the request."""
    for deadline in request.get(_DEADLINES, ()):
        if not deadline.expired():
            deadline.reschedule(None)
