"""The real nginx with the real routes, in front of stub services that answer with their name."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from quicksync_dev.backends import programs
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import ComponentFailed
from quicksync_dev.gateway.nginx import gateway
from quicksync_dev.ports import free_port

PROBLEM = "application/problem+json"


class Stub:
    """A stub service that answers with its name and the request, or with `status`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = 200
        self.seen: list[str] = []
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/merchants/{merchant}/stream", self._stream)
        app.router.add_route("*", "/{anything:.*}", self._answer)
        self.server = TestServer(app, host="127.0.0.1")

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
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
    """The gateway with all four services up."""
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


M = "/v1/merchants/MRCHNT0000001"
ROUTES = {
    "/v1/merchants": "catalog",
    "/v1/merchants/": "catalog",
    M: "catalog",
    f"{M}/capabilities": "catalog",
    f"{M}/setup": "catalog",
    f"{M}/setup/order_type": "orders",
    f"{M}/setup/other": "catalog",
    f"{M}/products": "catalog",
    f"{M}/products:batch": "catalog",
    f"{M}/products/P-1": "catalog",
    f"{M}/products/a%2Fb%20c": "catalog",
    f"{M}/productsandmore": 404,
    f"{M}/links": "catalog",
    f"{M}/stock": "inventory",
    f"{M}/stock/SKU-1/ledger": "inventory",
    f"{M}/stock/adjustments": "inventory",
    f"{M}/stock/drift": "inventory",
    f"{M}/orders": "orders",
    f"{M}/orders/1001/complete": "orders",
    f"{M}/orders/products": "orders",
    f"{M}/problems": "notifier",
    f"{M}/problems/7/recheck": "notifier",
    f"{M}/activity": "notifier",
    f"{M}/notification-settings": "notifier",
    f"{M}/work/catalog": "catalog",
    f"{M}/work/inventory/4/retry": "inventory",
    f"{M}/work/orders": "orders",
    f"{M}/work/notifier": "notifier",
    f"{M}/work/other": 404,
    f"{M}/unknown": 404,
    "/v1/openapi/catalog.json": "catalog",
    "/v1/openapi/inventory.json": "inventory",
    "/v1/openapi/orders.json": "orders",
    "/v1/openapi/notifier.json": "notifier",
    "/v1/openapi/other.json": 404,
    "/oauth/clover/start": "catalog",
    "/oauth/clover/callback?code=1": "catalog",
    "/oauth/other": 404,
    "/dashboard": "notifier",
    "/dashboard/": "notifier",
    "/dashboard/static/page.css": "notifier",
    "/dashboard/login?token=1": "notifier",
    "/": 404,
    "/healthz": 200,
    "/readyz": 404,
    "/metrics": 404,
    "/internal/grants": 404,
    "//internal/grants": 404,
    "/v1/../internal/grants": 404,
    "/%69nternal/grants": 404,
    f"{M}/products/..%2F..%2F..%2F..%2Finternal/grants": 404,
    f"{M}/../../../metrics": 404,
}


async def test_each_path_reaches_its_service_and_others_are_404(front: Gateway) -> None:
    """The routing table also covers common tricks to bypass it."""
    found = {path: await front.owner(path) for path in ROUTES}

    assert found == ROUTES


async def test_a_path_is_forwarded_unchanged(front: Gateway) -> None:
    """The service decodes escapes in ids."""
    _, request_seen, _ = await front.ask(f"{M}/products/a%2Fb%20c?full=1")

    assert request_seen["path"] == f"{M}/products/a%2Fb%20c?full=1"


async def test_a_webhook_is_accepted_while_one_of_three_services_lives(front: Gateway) -> None:
    """Ten webhooks in a row arrive whole with two services down."""
    await front.stubs["catalog"].server.close()
    front.stubs["inventory"].status = 503

    answers = [await front.ask("/webhooks/clover", "POST", data=b"x" * 1000) for _ in range(10)]

    assert {(status, body["service"], body["body"]) for status, body, _ in answers} == {(200, "orders", 1000)}


async def test_a_refused_webhook_is_not_retried(front: Gateway) -> None:
    """A 401 is a valid answer, so no other service receives the webhook."""
    for stub in front.stubs.values():
        stub.status = 401

    status, _, _ = await front.ask("/webhooks/clover", "POST", data=b"{}")

    assert status == 401
    assert sum(len(stub.seen) for stub in front.stubs.values()) == 1


async def test_the_gateway_never_repeats_an_order(front: Gateway) -> None:
    """Only webhooks fail over. The caller receives a 503 from orders."""
    front.stubs["orders"].status = 503

    status, body, _ = await front.ask(f"{M}/orders/1", "PUT", data=b"{}")

    assert (status, body["service"], len(front.stubs["orders"].seen)) == (503, "orders", 1)


async def test_a_dead_service_does_not_affect_others(front: Gateway) -> None:
    """Other services answer, and the gateway's own error is a problem document."""
    await front.stubs["orders"].server.close()

    status, body, content_type = await front.ask(f"{M}/orders")

    assert (status, body["status"], content_type) == (502, 502, PROBLEM)
    assert await front.owner(f"{M}/stock") == "inventory"


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/MRCHNT0000001/", "/dashboard/login?token=1"])
async def test_the_dashboard_has_an_error_page(front: Gateway, path: str) -> None:
    """The page reloads itself or, after a form, the dashboard."""
    await front.stubs["notifier"].server.close()

    for method, again in {"GET": "5", "POST": "5; url=/dashboard/"}.items():
        async with front.session.request(method, front.url + path) as answer:
            assert (answer.status, answer.content_type) == (502, "text/html")
            page = await answer.text()
        assert "Back in a moment" in page
        assert f'<meta http-equiv="refresh" content="{again}">' in page


async def test_the_gateway_refuses_a_webhook_that_is_too_large(front: Gateway) -> None:
    """256 KiB pass; one byte more gets a 413 from the gateway."""
    fits, _, _ = await front.ask("/webhooks/clover", "POST", data=b"x" * 256 * 1024)
    status, body, content_type = await front.ask("/webhooks/clover", "POST", data=b"x" * (256 * 1024 + 1))

    assert fits == 200
    assert (status, body["status"], content_type) == (413, 413, PROBLEM)
    assert sum(len(stub.seen) for stub in front.stubs.values()) == 1


async def test_server_sent_events_are_not_buffered(front: Gateway) -> None:
    """The first event arrives while the stream is still open."""
    async with front.session.get(f"{front.url}{M}/stream") as answer, asyncio.timeout(5):
        assert await answer.content.readline() == b"data: first\n"


async def test_a_gateway_on_a_port_in_use_fails_to_start(front: Gateway, tmp_path: Path) -> None:
    """The start fails with the reason, although the other server answers."""
    [nginx] = programs.locate([programs.NGINX])
    ports = {name: stub.server.port or 0 for name, stub in front.stubs.items()}
    elsewhere = DataDir(tmp_path / "second")
    second = gateway(elsewhere, nginx, int(front.url.rpartition(":")[2]), ports)

    with pytest.raises(ComponentFailed, match="Address already in use"):
        await second.start()
    elsewhere.discard()


async def test_nginx_reads_its_files_despite_a_strict_umask(data_dir: DataDir) -> None:
    """The files' modes do not depend on the umask."""
    [nginx] = programs.locate([programs.NGINX])
    before = os.umask(0o077)
    try:
        process = gateway(data_dir, nginx, free_port(), dict.fromkeys(SERVICES, 1))
        await process.start()
        await process.stop()
    finally:
        os.umask(before)


async def test_no_version_and_no_secret_is_disclosed(front: Gateway, data_dir: DataDir) -> None:
    """Answers omit nginx's version, and logs omit log-in tokens and OAuth codes."""
    await front.stubs["notifier"].server.close()
    await front.stubs["catalog"].server.close()
    async with front.session.get(f"{front.url}/dashboard/login?token=SECRET1") as answer:
        assert answer.headers["Server"] == "nginx"
    await front.ask("/oauth/clover/callback?code=SECRET2")

    logged = data_dir.log("gateway").read_text() + (data_dir.root / "gateway" / "access.log").read_text()

    assert "/dashboard/login" in logged
    assert "SECRET" not in logged
