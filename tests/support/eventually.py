"""Waits for a condition instead of a fixed time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""In seconds; between them, a pause is a twentieth of the wait so far. A check may cost a running system much."""


async def eventually(check: Callable[[], Any | Awaitable[Any]], within: float = 60.0) -> Any:
    """Repeat `check` until it returns something true, and return that. A failed assertion is repeated too.

    `within` is for a machine that stalls: a test that passes does not wait for it.
    Raises AssertionError with the last failure after `within` seconds.
    """
    began = time.monotonic()
    while True:
        try:
            result, failure = await _run(check), None
        except AssertionError as error:
            result, failure = None, error
        if result:
            return result
        waited = time.monotonic() - began
        if waited > within:
            raise AssertionError(f"did not hold within {within} s: {failure or check}") from failure
        await asyncio.sleep(min(max(FIRST_PAUSE, waited / 20), LONGEST_PAUSE))


async def _run(check: Callable[[], Any | Awaitable[Any]]) -> Any:
    result = check()
    return await result if inspect.isawaitable(result) else result
