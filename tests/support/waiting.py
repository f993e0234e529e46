"""Measures how long a test waited, without the time that a busy machine took from it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

TICK = 0.01


@dataclass
class Waited:
    """`seconds` is the time of the block, less the time in which this process could not run when it wanted to."""

    seconds: float = 0.0


@asynccontextmanager
async def waiting() -> AsyncIterator[Waited]:
    """Measure the time of the block."""
    waited, began, lag = Waited(), time.monotonic(), 0.0

    async def tick() -> None:
        nonlocal lag
        while True:
            slept_at = time.monotonic()
            await asyncio.sleep(TICK)
            lag += time.monotonic() - slept_at - TICK

    ticking = asyncio.create_task(tick())
    try:
        yield waited
    finally:
        ticking.cancel()
        waited.seconds = time.monotonic() - began - lag
