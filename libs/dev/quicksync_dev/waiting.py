"""Waiting for something to become true, with a bound."""

import asyncio
import time
from collections.abc import Awaitable, Callable

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
