"""The real nginx with the real routes, in front of stub services that answer with their name."""

import asyncio
import io
import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.support.waiting import waiting
from yarl import URL

from common.db.database import GIVE_UP_SECONDS
from common.db.group_commit import WRITE_SECONDS
from quicksync_dev.backends import programs
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import ComponentFailed
from quicksync_dev.gateway.nginx import gateway
from quicksync_dev.ports import free_port

PROBLEM = "application/problem+json"


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
    f"{M}/sales": "orders",
    f"{M}/orders.csv": "orders",
    f"{M}/order-settings": "orders",
    f"{M}/orders:retry": "orders",
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


async def exchange(front: Gateway, request: bytes) -> tuple[int, dict[str, str], str]:
    """Send these bytes as they are; return status, headers and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(front.url.rpartition(":")[2]))
    writer.write(request)
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    first, *lines = head.split("\r\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body


CLOSE = b"Host: gateway\r\nConnection: close\r\n"
GET = b"GET " + M.encode() + b"/stock/"
UNREADABLE = {
    "a lone percent sign": (400, GET + b"50% HTTP/1.1\r\n" + CLOSE),
    "no hexadecimal digits": (400, GET + b"%zz HTTP/1.1\r\n" + CLOSE),
    "a lone percent sign for people": (400, b"GET /dashboard/% HTTP/1.1\r\n" + CLOSE),
    "letters that are not encoded": (400, GET + "Größe".encode() + b" HTTP/1.1\r\n" + CLOSE),
    "bytes that are no letters": (400, GET + b"\xff HTTP/1.1\r\n" + CLOSE),
    "an encoded NUL": (400, GET + b"%00 HTTP/1.1\r\n" + CLOSE),
    "an address above the root": (400, b"GET /../x HTTP/1.1\r\n" + CLOSE),
    "no address": (400, b"GET\r\n" + CLOSE),
    "an address without a slash": (400, b"GET stock HTTP/1.1\r\n" + CLOSE),
    "a method with odd letters": (400, b"G@T / HTTP/1.1\r\n" + CLOSE),
    "a lower-case method": (400, b"get / HTTP/1.1\r\n" + CLOSE),
    "TRACE": (405, b"TRACE / HTTP/1.1\r\n" + CLOSE),
    "CONNECT": (400, b"CONNECT gateway:443 HTTP/1.1\r\n" + CLOSE),
    "an address of 40 kB": (414, GET + b"x" * 40_000 + b" HTTP/1.1\r\n" + CLOSE),
    "a header of 40 kB": (431, GET + b"x HTTP/1.1\r\nX-Long: " + b"x" * 40_000 + b"\r\n" + CLOSE),
    "many headers": (
        431,
        GET + b"x HTTP/1.1\r\n" + b"X-More: " * 1 + (b"x" * 7000 + b"\r\nX-More: ") * 9 + b"\r\n" + CLOSE,
    ),
    "no host": (400, GET + b"x HTTP/1.1\r\nConnection: close\r\n"),
    "two hosts": (400, GET + b"x HTTP/1.1\r\nHost: other\r\n" + CLOSE),
    "an odd host": (400, GET + b"x HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n"),
    "a header with a NUL": (400, GET + b"x HTTP/1.1\r\nX-Odd: a\0b\r\n" + CLOSE),
    "an unknown method": (405, b"BREW / HTTP/1.1\r\n" + CLOSE),
    "a method of another protocol": (405, b"PROPFIND / HTTP/1.1\r\n" + CLOSE),
    "a length that is no number": (400, GET + b"x HTTP/1.1\r\nContent-Length: x\r\n" + CLOSE),
    "a length and chunks": (
        400,
        GET + b"x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" + CLOSE,
    ),
    "an unknown transfer encoding": (501, GET + b"x HTTP/1.1\r\nTransfer-Encoding: br\r\n" + CLOSE),
    "HTTP/3.0": (505, b"GET / HTTP/3.0\r\n" + CLOSE),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_request_that_cannot_be_read_is_refused_as_a_problem(front: Gateway, name: str) -> None:
    """The status names the fault, the body is a problem document, and no service is asked."""
    expected, request = UNREADABLE[name]
    status, headers, body = await exchange(front, request + b"\r\n")

    assert (status, headers["content-type"]) == (expected, PROBLEM)
    assert json.loads(body)["status"] == status
    assert [stub.seen for stub in front.stubs.values() if stub.seen] == []


async def test_the_longest_address_and_header_reach_the_service(front: Gateway) -> None:
    """What nginx takes, the services take as well."""
    path = f"{M}/stock/{'x' * 7900}"
    found, _, _ = await front.ask(path, headers={"X-Long": "x" * 7900})

    assert (found, front.stubs["inventory"].seen) == (200, [path])


async def test_http_1_0_without_a_host_is_answered(front: Gateway) -> None:
    """HTTP/1.0 needs no Host."""
    status, _, body = await exchange(front, GET + b"x HTTP/1.0\r\n\r\n")

    assert (status, json.loads(body)["service"]) == (200, "inventory")


async def test_a_method_that_only_the_service_knows_is_forwarded(front: Gateway) -> None:
    """The service says which methods it takes."""
    for method in ("HEAD", "OPTIONS", "PATCH"):
        async with front.session.request(method, f"{front.url}{M}/stock") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    "sku", ["a/b", "/", "50%", "%2F", "a+b", "a b", "a&b=c", "a?b#c", "a;b", "{sku}", "日本", "🧦"]
)
async def test_an_encoded_sku_reaches_inventory_unchanged(front: Gateway, sku: str) -> None:
    """The service decodes it; nginx neither decodes nor encodes it."""
    for path in (f"{M}/stock/{quote(sku, safe='')}", f"{M}/stock/{quote(sku, safe='')}/ledger"):
        _, answer, _ = await front.ask(path)
        assert (answer["service"], answer["path"]) == ("inventory", path)


@pytest.mark.parametrize(("status", "path"), [(502, f"{M}/stock"), (504, "/webhooks/clover")])
async def test_a_service_that_does_not_answer_is_a_reason_to_try_again(front: Gateway, status: int, path: str) -> None:
    """The problem has a Retry-After, so that clients repeat what may be repeated."""
    for stub in front.stubs.values():
        if status == 502:
            await stub.server.close()
        stub.answers.clear()

    async with front.session.post(f"{front.url}{path}", data=b"{}") as answer:
        assert (answer.status, answer.content_type) == (status, PROBLEM)
        assert int(answer.headers["Retry-After"]) > 0
    for stub in front.stubs.values():
        stub.answers.set()


def test_clover_has_its_answer_within_five_seconds() -> None:
    """A service that cannot write refuses before the gateway takes it for hung, and the last one asked is in time."""
    routes = files("quicksync_dev.gateway").joinpath("routes.conf").read_text()
    webhooks = routes[routes.index("location = /webhooks/clover") :]
    found = re.findall(r"proxy_(read|next_upstream)_timeout (\d+)ms;", webhooks)
    seconds = {name: int(milliseconds) / 1000 for name, milliseconds in found}

    assert WRITE_SECONDS + GIVE_UP_SECONDS < seconds["read"] < seconds["next_upstream"]
    assert seconds["next_upstream"] + seconds["read"] < 5


async def test_hung_services_cost_clover_five_seconds_at_most(front: Gateway) -> None:
    """One that hangs does not keep the others from answering; when all hang, Clover repeats the webhook."""
    front.stubs["catalog"].answers.clear()
    statuses = {(await front.ask("/webhooks/clover", "POST", data=b"{}"))[0] for _ in range(3)}
    for stub in front.stubs.values():
        stub.answers.clear()
    async with waiting() as waited:
        status, problem, _ = await front.ask("/webhooks/clover", "POST", data=b"{}")

    assert statuses == {200}
    assert (status, problem["status"]) == (504, 504)
    assert waited.seconds < 5.5
    for stub in front.stubs.values():
        stub.answers.set()


async def test_the_gateway_refuses_a_webhook_that_is_too_large(front: Gateway) -> None:
    """1 MiB passes; one byte more gets a 413 from the gateway."""
    fits, _, _ = await front.ask("/webhooks/clover", "POST", data=io.BytesIO(b"x" * 1024 * 1024))
    status, body, content_type = await front.ask("/webhooks/clover", "POST", data=io.BytesIO(b"x" * (1024 * 1024 + 1)))

    assert fits == 200
    assert (status, body["status"], content_type) == (413, 413, PROBLEM)
    assert sum(len(stub.seen) for stub in front.stubs.values()) == 1


@pytest.mark.parametrize(("megabytes", "status"), [(20, 200), (65, 413)])
async def test_a_batch_of_products_may_be_large(front: Gateway, megabytes: int, status: int) -> None:
    """Far more than elsewhere passes; what is beyond the stated limit gets a 413."""
    body = io.BytesIO(b"x" * megabytes * 1024 * 1024)
    answered, answer, _ = await front.ask(f"{M}/products:batch", "POST", data=body)

    assert answered == status
    assert (answer.get("body") or answer["status"]) in {20 * 1024 * 1024, 413}


async def test_a_batch_arrives_while_it_is_sent(front: Gateway) -> None:
    """The gateway keeps nothing of it back, so that rows are stored while they arrive."""
    arrived = asyncio.Event()
    front.stubs["catalog"].first_bytes = arrived

    async def body() -> AsyncIterator[bytes]:
        yield b"[1"
        async with asyncio.timeout(5):
            await arrived.wait()
        yield b"]"

    assert (await front.ask(f"{M}/products:batch", "POST", data=body()))[0] == 200


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
