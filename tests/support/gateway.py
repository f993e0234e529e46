"""The real nginx with the real routes, in front of stub services that answer with their name."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from quicksync_dev.backends import programs
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir
from quicksync_dev.gateway.nginx import gateway
from quicksync_dev.ports import free_port

PROBLEM = "application/problem+json"
M = "/v1/merchants/MRCHNT0000001"
"""The path of a merchant."""
CLOSE = b"Host: gateway\r\nConnection: close\r\n"
"""The headers of a request that is the only one of its connection."""


class Stub:
    """A stub service that answers with its name and the request, or with `status`, while `answers` is set."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = 200
        self.seen: list[str] = []
        self.first_bytes = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/merchants/{merchant}/stream", self._stream)
        app.router.add_route("*", "/{anything:.*}", self._answer)
        self.server = TestServer(app, host="127.0.0.1")

    async def _answer(self, request: web.Request) -> web.Response:
        body = b""
        async for chunk in request.content.iter_any():
            self.first_bytes.set()
            body += chunk
        await self.answers.wait()
        self.seen.append(request.raw_path)
        request_seen = {
            "service": self.name,
            "path": request.raw_path,
            "body": len(body),
            "headers": dict(request.headers),
        }
        return web.json_response(request_seen, status=self.status)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: first\n\n")
        await asyncio.Event().wait()
        return response


@dataclass
class Gateway:
    """The gateway and its stub services."""

    url: str
    session: aiohttp.ClientSession
    stubs: dict[str, Stub] = field(default_factory=dict)

    async def ask(self, path: str, method: str = "GET", **more: Any) -> tuple[int, dict[str, Any], str]:
        """Return status, body and content type of the answer."""
        async with self.session.request(method, URL(f"{self.url}{path}", encoded=True), **more) as answer:
            return answer.status, json.loads(await answer.text()), answer.content_type

    async def owner(self, path: str, method: str = "GET") -> Any:
        """Return the name of the service that answered, or the status of the gateway's own answer."""
        status, body, _ = await self.ask(path, method)
        return body.get("service", status)


@pytest.fixture
async def front(data_dir: DataDir, lines: list[str]) -> AsyncIterator[Gateway]:
    """Yield the gateway with all four services up."""
    [nginx] = programs.locate([programs.NGINX])
    stubs = {name: Stub(name) for name in SERVICES}
    for stub in stubs.values():
        await stub.server.start_server()
    ports = {name: stub.server.port or 0 for name, stub in stubs.items()}
    port = free_port()
    with data_dir.locked(lines.append):
        process = gateway(data_dir, nginx, port, ports)
        await process.start()
        timeout = aiohttp.ClientTimeout(total=15)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
            yield Gateway(f"http://127.0.0.1:{port}", session, stubs)
        await process.stop()
    for stub in stubs.values():
        await stub.server.close()


async def exchange(front: Gateway, request: bytes) -> tuple[int, dict[str, str], str]:
    """Send these bytes as they are; return status, headers and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(front.url.rpartition(":")[2]))
    writer.write(request)
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    first, *lines = head.split("\r\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body
