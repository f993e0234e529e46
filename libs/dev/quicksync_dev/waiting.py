"""Waiting: for something to become true, with a bound, and for several things at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

POLL = 0.05

Check = Callable[[], Awaitable[bool]]


async def holds(check: Check, within: float) -> bool:
    """Whether the check comes true within these seconds; asked twenty times a second."""
    deadline = time.monotonic() + within
    while not await check():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL)
    return True


async def together(*tasks: Coroutine[Any, Any, object]) -> list[Any]:
    """Wait for all, and return what they returned, in order.

    The first to fail cancels the others and is raised as it is, without a group around it.
    """
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(task) for task in tasks]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in running]
