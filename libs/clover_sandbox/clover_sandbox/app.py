"""Builds the sandbox's web application: Clover below /v3 and /oauth, its control below /_sandbox."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from clover_sandbox.control.api import control_routes
from clover_sandbox.sandbox import Sandbox, Settings, build_sandbox
from clover_sandbox.sending import date, strip_type

LARGEST_BODY = 64 * 1024 * 1024
# Short, because a call that a fault keeps open would delay the stop.
SHUTDOWN_SECONDS = 1.0


@dataclass(frozen=True)
class Built:
    """The aiohttp application and the sandbox behind it."""

    application: web.Application
    sandbox: Sandbox


def build(settings: Settings | None = None) -> Built:
    """Build a sandbox and its application. Two sandboxes share no state."""
    sandbox = build_sandbox(settings or Settings())
    application = web.Application(client_max_size=LARGEST_BODY)
    application.router.add_route("*", "/v3/{tail:.*}", sandbox.pipeline.rest)
    application.router.add_route("*", "/oauth/{tail:.*}", sandbox.pipeline.oauth_call)
    application.add_routes(control_routes(sandbox))
    application.on_response_prepare.append(strip_type)
    application.on_response_prepare.append(_dated(sandbox))
    application.cleanup_ctx.append(lambda _application: _working(sandbox))
    return Built(application, sandbox)


@contextlib.asynccontextmanager
async def serving(built: Built, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Serve until the block ends and yield the base URL. Port 0 selects a free port."""
    runner = web.AppRunner(built.application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0][1]
        yield f"http://{host}:{bound}"
    finally:
        await runner.cleanup()


def _dated(sandbox: Sandbox) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    async def dated(_request: web.Request, response: web.StreamResponse) -> None:
        date(response, sandbox.world.clock.now(), sandbox.switches["date_header"])

    return dated


async def _working(sandbox: Sandbox) -> AsyncIterator[None]:
    """Run the webhook sender as long as the application."""
    async with aiohttp.ClientSession(headers={"User-Agent": "Clover-Sandbox/1.0"}) as http:
        sender = asyncio.create_task(sandbox.webhooks.run(http))
        yield
        sandbox.pipeline.forget_pending()
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sender
