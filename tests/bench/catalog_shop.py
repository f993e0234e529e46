"""A catalog as production builds it, and a sandbox in a process of its own with one merchant of many items."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import uvloop
from tests.bench.database import empty_database
from tests.bench.figures import Entry
from tests.support.clock import MovedClock
from tests.support.service import Harness, serving, settings_for
from tests.support.tokens import Issuer

from catalog.app import build
from catalog.settings import Settings
from common.service import freeze_garbage_collector


@asynccontextmanager
async def catalog_for(dsn: str, clover: str, **own: Any) -> AsyncIterator[Harness]:
    """Serve a catalog on an empty database; `dsn` may create databases."""
    settings = {
        "clover_base_urls": dict.fromkeys(("us", "eu", "la", "sandbox"), clover),
        "create_settles_seconds": 0.0,
        **own,
    }
    async with empty_database(dsn, "catalog") as database:
        issuer = Issuer()
        service = build(settings_for(Settings, database, issuer, **settings))
        freeze_garbage_collector()
        async with serving(service) as http:
            yield Harness(service, http, issuer, MovedClock())


@asynccontextmanager
async def sandbox() -> AsyncIterator[str]:
    """Run a sandbox with Clover's real limits; yield its address."""
    command = (sys.executable, "-m", "clover_sandbox", "--port", "0")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            if b"http://" in line:
                yield "http://" + line.decode().partition("http://")[2].split()[0].rstrip("/.,\"'")
                break
    finally:
        process.terminate()
        await process.wait()


async def control(clover: str, method: str, path: str, body: object = None) -> Any:
    """Call the sandbox's control API."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(300)) as http,
        http.request(method, f"{clover}/_sandbox/{path}", json=body) as response,
    ):
        response.raise_for_status()
        return await response.json()


async def merchant_with(clover: str, items: int) -> dict[str, str]:
    """Make a merchant with this many items."""
    merchant: dict[str, str] = await control(clover, "POST", "merchants", {"region": "us"})
    filled = {"count": items, "prefix": "OLD-", "price": 100, "quantity": 1}
    await control(clover, "POST", f"merchants/{merchant['id']}/items", filled)
    return merchant


async def connect(catalog: Harness, merchant: dict[str, str]) -> None:
    """Connect the merchant."""
    body = {
        "merchant_id": merchant["id"],
        "region": "us",
        "account_id": "acc-1",
        "account_email": "owner@shop.example",
        "api_token": merchant["token"],
    }
    status, answer = await catalog.call("POST", "/v1/merchants", body)
    if status != 201:
        raise RuntimeError(f"not connected: {answer}")


def print_figures(measure: Callable[[str], Awaitable[list[Entry]]]) -> None:
    """Measure in this process, on the event loop of production, and print the figures for `in_own_process`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        for entry in loop.run(_entries(measure)):
            print(json.dumps(entry))  # noqa: T201 - this is its output


async def _entries(measure: Callable[[str], Awaitable[list[Entry]]]) -> list[Entry]:
    return await measure(os.environ["QS_POSTGRES_DSN"])
