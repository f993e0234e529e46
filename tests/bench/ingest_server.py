"""Serves Clover's webhooks with the classes the services run, and nothing else, until a signal stops it."""

import asyncio
import signal

import uvloop
from aiohttp import web

from common import logs
from common.clock import SystemClock
from common.db.database import Database
from common.http.app import build_app
from common.service import freeze_garbage_collector
from common.settings import CommonSettings
from common.telemetry.metrics import Metrics
from common.webhooks.receiver import Receiver

SCHEMA = "ingest"


async def serve() -> None:
    """Serve as `Service` does, without the loops that work on what was taken."""
    settings, metrics = CommonSettings(), Metrics()
    logs.configure(SCHEMA, settings.log_level)
    database = Database(settings.postgres_dsn.get_secret_value(), SCHEMA, SystemClock())
    await database.open()
    app = build_app(SCHEMA, Receiver(database, settings, metrics).routes(), None, settings, metrics, {})
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    freeze_garbage_collector()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()
    await database.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(serve())
