"""The gateway answers for services that do not, buffers nothing, and discloses nothing."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.gateway import PROBLEM, Gateway, M

from quicksync_dev.backends import programs
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import ComponentFailed
from quicksync_dev.gateway.nginx import gateway
from quicksync_dev.ports import free_port


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
