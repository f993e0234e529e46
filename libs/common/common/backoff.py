"""Backoff between attempts: it grows, has jitter so that many do not retry in the same second, and ends with a stop."""

import asyncio
import random
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from common.clock import Clock

T = TypeVar("T")


def backoff_delay(attempt: int, *, first: float = 1.0, most: float = 60.0) -> timedelta:
    """Return the delay after this many failed attempts (from 1): it doubles up to `most`, with up to half as jitter."""
    whole = min(most, first * 2 ** min(attempt - 1, 30))
    return timedelta(seconds=random.uniform(whole / 2, whole))


class Backoff:
    """The delays of one loop that keeps retrying: each `wait` is longer than the last, until `reset`."""

    def __init__(self, clock: Clock, *, first: float, most: float) -> None:
        self._clock, self._first, self._most = clock, first, most
        self._attempt = 0

    def reset(self) -> None:
        """Start again with the shortest delay."""
        self._attempt = 0

    async def wait(self, stop: asyncio.Event) -> None:
        """Wait for the next delay, or until `stop`."""
        self._attempt += 1
        delay = backoff_delay(self._attempt, first=self._first, most=self._most)
        await sleep_until(stop, delay.total_seconds(), self._clock)


async def sleep_until(stop: asyncio.Event, seconds: float, clock: Clock) -> None:
    """Wait for this many seconds, or until `stop` is set."""
    try:
        async with clock.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def unless_stopped(stop: asyncio.Event, wait: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of this coroutine, or cancel it and return None as soon as `stop` is set."""
    waiting, stopping = asyncio.create_task(wait), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        waiting.cancel()
        stopping.cancel()
