"""Retry for a condition instead of for time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

PAUSE_SECONDS = 0.02


async def eventually(check: Callable[[], Any | Awaitable[Any]], within: float = 10.0) -> Any:
    """What `check` returns once that is true; a check that asserts is asked again too.

    Raises AssertionError with the last failure when it does not hold within so many seconds.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            held, failure = await _asked(check), None
        except AssertionError as error:
            held, failure = None, error
        if held:
            return held
        if time.monotonic() > deadline:
            raise AssertionError(f"did not hold within {within} s: {failure or check}") from failure
        await asyncio.sleep(PAUSE_SECONDS)


async def _asked(check: Callable[[], Any | Awaitable[Any]]) -> Any:
    result = check()
    return await result if inspect.isawaitable(result) else result
