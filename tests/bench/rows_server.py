"""Serves catalog's routes for `rows in`, and prints what a request cost: the longest block of the loop, and memory.

A line on standard input begins a measurement, the next one ends it and is answered with a line of JSON. A block is
counted in processor time of the loop's thread, so that another program on a busy machine is none.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop
from aiohttp import web

from catalog.app import build
from catalog.settings import Settings
from common import logs
from common.service import freeze_garbage_collector

BEAT_SECONDS = 0.0005


async def beats(blocks: list[float]) -> None:
    """Note the processor time between one beat and the next: no other callback is longer."""
    before = time.thread_time()
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        now = time.thread_time()
        blocks.append(now - before)
        before = now


async def serve() -> None:
    """Serve as `Service` does, without the loops that work on what was stored."""
    settings = Settings()
    logs.configure("catalog", settings.log_level)
    service = build(settings)
    runner = web.AppRunner(service.application(), access_log=None, shutdown_timeout=2)
    async with service.opened():
        await runner.setup()
        await web.TCPSite(runner, settings.host, settings.port).start()
        freeze_garbage_collector()
        await measure()
        await runner.cleanup()


async def measure() -> None:
    """Measure from one line to the next until the input ends."""
    while await asyncio.to_thread(sys.stdin.readline):
        blocks: list[float] = []
        _begin_peak_anew()
        memory = _peak_kib()
        beating = asyncio.create_task(beats(blocks))
        await asyncio.to_thread(sys.stdin.readline)
        beating.cancel()
        grown = _peak_kib() - memory
        print(json.dumps({"block_ms": 1000 * max(blocks), "memory_mb": grown / 1024}), flush=True)  # noqa: T201 - its output


def _begin_peak_anew() -> None:
    """Forget the peak of before. `ru_maxrss` cannot: a process that was started has at least its parent's."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_kib() -> int:
    """Return the largest resident memory since the peak began anew, in KiB."""
    [line] = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(serve())
