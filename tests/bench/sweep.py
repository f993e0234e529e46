"""`sweep: live work waits`: how long live work of a merchant waits while all its 200,000 items are compared.

The sandbox is a process of its own with Clover's real limits; catalog runs here, as production builds it.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Any

import aiohttp
from tests.bench.database import empty_database
from tests.bench.figures import Entry, figure
from tests.support.clock import MovedClock
from tests.support.eventually import eventually
from tests.support.service import Harness, serving, settings_for
from tests.support.tokens import Issuer

from catalog.app import build
from catalog.kinds import ALL_ITEMS, PUSH_PRODUCT, SWEEP_ITEMS
from catalog.settings import Settings
from common import logs
from common.db.unit import Priority
from common.work.batch import Batch
from common.work.kind import Kind
from common.work.worker import Worker

ITEMS = 200_000
SAMPLES = 100
PAUSE = 0.2, 0.6
"""Seconds between two changes, at random, so that they come at any moment of a slice."""


async def measure(dsn: str, items: int = ITEMS, samples: int = SAMPLES) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them. `dsn` may create databases."""
    logs.configure("catalog", "error")
    async with AsyncExitStack() as stack:
        clover = await stack.enter_async_context(_sandbox())
        own = await stack.enter_async_context(empty_database(dsn, "catalog"))
        settings = {
            "clover_base_urls": dict.fromkeys(("us", "eu", "la", "sandbox"), clover),
            "create_settles_seconds": 0.0,
            "item_sweep_seconds": 60,
        }
        issuer = Issuer()
        service = build(settings_for(Settings, own, issuer, **settings))
        http = await stack.enter_async_context(serving(service))
        catalog = Harness(service, http, issuer, MovedClock())
        waits, rate = await _sweeping(catalog, clover, items, samples)
    waited = sorted(1000 * each for each in waits)
    return [
        figure("sweep: live work waits", statistics.median(waited), "ms"),
        figure("sweep: live work waits, p99", waited[int(len(waited) * 0.99)], "ms"),
        figure("sweep: items compared meanwhile", rate, "1/s"),
    ]


async def _sweeping(catalog: Harness, clover: str, items: int, samples: int) -> tuple[list[float], float]:
    """Save products at random moments of the sweep; return how long each waited, and the items compared a second."""
    started: dict[str, float] = {}
    service, stop = catalog.service, asyncio.Event()
    service.worker = Worker(
        service.database, [_noting(kind, started) for kind in service.kinds], service.deps, service.metrics
    )
    merchant = await _merchant(clover, items)
    running = [asyncio.create_task(loop(stop)) for loop in (service.worker.run, service.database.wakeups.run)]
    try:
        await _connect(catalog, merchant)
        saved: dict[str, float] = {}
        rates: list[float] = []
        while len(saved) < samples:
            await asyncio.sleep(Random(len(saved)).uniform(*PAUSE))
            rate = await _rate(catalog, merchant["id"])
            if rate is None:  # the sweep is over, so the next one begins
                async with service.database.unit() as unit:
                    unit.mark(SWEEP_ITEMS, merchant["id"], ALL_ITEMS, priority=Priority.BULK)
                continue
            rates.append(rate)
            product = f"p-{len(saved)}"
            saved[product] = time.perf_counter()
            await _save(catalog, merchant["id"], product)
        await eventually(lambda: len(started) == samples, within=60)
    finally:
        stop.set()
        service.database.wakeups.wake_all()
        await asyncio.gather(*running)
    return [started[each] - saved[each] for each in saved], statistics.median(rates)


def _noting(kind: Kind, started: dict[str, float]) -> Kind:
    async def function(batch: Batch, deps: Any) -> None:
        if kind.name == PUSH_PRODUCT:
            for key in batch.keys:
                started.setdefault(key, time.perf_counter())
        await kind.function(batch, deps)

    return replace(kind, function=function)


async def _merchant(clover: str, items: int) -> dict[str, str]:
    control = f"{clover}/_sandbox/merchants"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(300)) as http:
        async with http.post(control, json={"region": "us"}) as response:
            merchant: dict[str, str] = await response.json()
        filled = {"count": items, "prefix": "OLD-", "price": 100, "quantity": 1}
        async with http.post(f"{control}/{merchant['id']}/items", json=filled) as response:
            response.raise_for_status()
    return merchant


async def _connect(catalog: Harness, merchant: dict[str, str]) -> None:
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


async def _save(catalog: Harness, merchant_id: str, product: str) -> None:
    body = {"name": product, "sku": product.upper(), "price": 1250, "currency": "USD", "status": "active"}
    status, answer = await catalog.call("PUT", f"/v1/merchants/{merchant_id}/products/{product}", body)
    if status >= 300:
        raise RuntimeError(f"not saved: {answer}")


async def _rate(catalog: Harness, merchant_id: str) -> float | None:
    """Return the rate of the sweep as the API shows it."""
    _, body = await catalog.call("GET", f"/v1/merchants/{merchant_id}/work/catalog?kind=sweep_items")
    shown = [row["progress"]["rate"] for row in body["work"] if row["progress"]]
    return shown[0] if shown else None


@asynccontextmanager
async def _sandbox() -> AsyncIterator[str]:
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


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
