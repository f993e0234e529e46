"""Stands in for a service or the sandbox: `component.py <name> [migrate]`. It echoes its name and the request."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator

from aiohttp import web

TICKS = 3


async def ready(_: web.Request) -> web.Response:
    return web.json_response({"status": "ready"})


async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    failing = os.environ.get("STUB_STATUS")
    answer = {"service": sys.argv[1], "path": request.raw_path, "method": request.method, "bytes": len(body)}
    return web.json_response(answer, status=int(failing or 200))


async def ticks(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield f"data: {number}\n\n".encode()
        await asyncio.sleep(0.3)


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    async for tick in ticks(TICKS):
        await response.write(tick)
    return response


async def variables(_: web.Request) -> web.Response:
    own = {name: value for name, value in os.environ.items() if name.startswith("QS_")}
    return web.Response(text=json.dumps(own), content_type="application/json")


def application() -> web.Application:
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/_sandbox", ready)
    app.router.add_get("/_variables", variables)
    app.router.add_get("/v1/merchants/{merchant}/stream", stream)
    app.router.add_route("*", "/{anything:.*}", echo)
    return app


def main() -> None:
    if sys.argv[2:] == ["migrate"]:
        return
    port = int(sys.argv[sys.argv.index("--port") + 1]) if "--port" in sys.argv else int(os.environ["QS_PORT"])
    web.run_app(application(), host="127.0.0.1", port=port, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main()
