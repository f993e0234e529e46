"""`sweep: live work waits`: how long live work of a merchant waits while all its 200,000 items are compared.

The sandbox is a process of its own with Clover's real limits; catalog runs here, as production builds it.
"""

import asyncio
import json
import os
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random
from typing import Any

from tests.bench.catalog_shop import catalog_for, connect, merchant_with, sandbox
from tests.bench.figures import Entry, figure
from tests.support.eventually import eventually
from tests.support.service import Harness

from catalog.kinds import ALL_ITEMS, PUSH_PRODUCT, SWEEP_ITEMS
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
        clover = await stack.enter_async_context(sandbox())
        catalog = await stack.enter_async_context(catalog_for(dsn, clover, item_full_sweep_seconds=0.001))
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
    merchant = await merchant_with(clover, items)
    running = [asyncio.create_task(loop(stop)) for loop in (service.worker.run, service.database.wakeups.run)]
    try:
        await connect(catalog, merchant)
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


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
