"""Backoff between tries: growing, with jitter so that many do not try in the same second; waiting ends with a stop."""

import asyncio
import random
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

T = TypeVar("T")


def backoff_delay(attempt: int, *, first: float = 1.0, most: float = 60.0) -> timedelta:
    """How long to wait after the so-manyth failure (from 1): doubling, bounded, between half and the whole of it."""
    whole = min(most, first * 2 ** min(attempt - 1, 30))
    return timedelta(seconds=random.uniform(whole / 2, whole))


class Backoff:
    """The pauses of one loop that keeps trying: `wait` longer each time, `reset` when it went well."""

    def __init__(self, *, first: float, most: float) -> None:
        self._first, self._most = first, most
        self._attempt = 0

    def reset(self) -> None:
        """The next pause is short again."""
        self._attempt = 0

    async def wait(self, stop: asyncio.Event) -> None:
        """Wait the next pause, or until `stop`."""
        self._attempt += 1
        await sleep_until(stop, backoff_delay(self._attempt, first=self._first, most=self._most).total_seconds())


async def sleep_until(stop: asyncio.Event, seconds: float) -> None:
    """Wait so many seconds, or less when `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def unless_stopped(stop: asyncio.Event, wait: Coroutine[Any, Any, T]) -> T | None:
    """What this wait brings; it is left, and brings None, as soon as `stop` is set."""
    waiting, stopping = asyncio.create_task(wait), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        waiting.cancel()
        stopping.cancel()
