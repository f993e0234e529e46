"""Waits for a condition instead of a fixed time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

PAUSE_SECONDS = 0.02


async def eventually(check: Callable[[], Any | Awaitable[Any]], within: float = 10.0) -> Any:
    """Repeat `check` until it returns something true, and return that. A failed assertion is repeated too.

    Raises AssertionError with the last failure after `within` seconds.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            result, failure = await _run(check), None
        except AssertionError as error:
            result, failure = None, error
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"did not hold within {within} s: {failure or check}") from failure
        await asyncio.sleep(PAUSE_SECONDS)


async def _run(check: Callable[[], Any | Awaitable[Any]]) -> Any:
    result = check()
    return await result if inspect.isawaitable(result) else result
