"""Waits for a condition with a time limit, and for several tasks at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

POLL = 0.05

Check = Callable[[], Awaitable[bool]]


async def never() -> bool:
    """Return False: the check of a program that runs to its end."""
    return False


async def holds(check: Check, within: float) -> bool:
    """Poll the check twenty times a second. Return whether it becomes true within these seconds."""
    deadline = time.monotonic() + within
    while not await check():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL)
    return True


async def together(*tasks: Coroutine[Any, Any, object]) -> list[Any]:
    """Run all tasks and return their results in order.

    The first failure cancels the others and is raised without an exception group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(task) for task in tasks]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in running]
