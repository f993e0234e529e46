"""Serves orders' routes for `orders: accepted`, until a signal stops it."""

import asyncio
import signal

import uvloop
from aiohttp import web

from common import logs
from common.service import freeze_garbage_collector
from orders.app import build
from orders.settings import Settings


async def serve() -> None:
    """Serve as `Service` does, without the loops that work on what was stored."""
    settings = Settings()
    logs.configure("orders", settings.log_level)
    service = build(settings)
    runner = web.AppRunner(service.application(), access_log=None, shutdown_timeout=2)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with service.opened():
        await runner.setup()
        await web.TCPSite(runner, settings.host, settings.port).start()
        freeze_garbage_collector()
        await stop.wait()
        await runner.cleanup()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(serve())
