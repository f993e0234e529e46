"""`catalog: push 100k calls` and beside it the memory; `catalog: unchanged 100k calls`; `catalog: one product`.

100,000 products come in by batches of 10,000 and become items of a merchant that has none; the same products come once
more; then one product after another changes with an idle queue, timed from its PUT until the sandbox shows the change.
The sandbox is a process of its own with Clover's real limits, and its log counts the calls.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.catalog_shop import catalog_for, connect, control, merchant_with, print_figures, sandbox
from tests.bench.figures import Entry, figure
from tests.support.eventually import eventually
from tests.support.service import Harness

from common import logs

PRODUCTS = 100_000
BATCH = 10_000
LATENCY = 50
"""Milliseconds of an answer of Clover."""

SINGLE = 30
WITHOUT_SWEEPS = 86400.0
"""Seconds between two sweeps: they would read, whether or not products change."""


async def measure(dsn: str, products: int = PRODUCTS) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them. `dsn` may create databases."""
    logs.configure("catalog", "error")
    async with AsyncExitStack() as stack:
        clover = await stack.enter_async_context(sandbox())
        await control(clover, "PATCH", "latency", {"ms": LATENCY})
        merchant = await merchant_with(clover, 0)
        catalog = await stack.enter_async_context(catalog_for(dsn, clover, item_sweep_seconds=WITHOUT_SWEEPS))
        await stack.enter_async_context(_working(catalog))
        await connect(catalog, merchant)
        await eventually(lambda: _has(catalog, "SELECT FROM item_mirror WHERE completed_at IS NOT NULL"), within=60)
        began = time.perf_counter()
        await _send_all(catalog, merchant["id"], products)
        seconds = time.perf_counter() - began
        pushed = await _calls(clover)
        await _send_all(catalog, merchant["id"], products)
        unchanged = await _calls(clover)
        one = [await _one(catalog, clover, merchant["id"], number) for number in range(SINGLE)]
    bulk = [each for each in pushed if "bulk_items" in each["path"]]
    return [
        figure("catalog: push 100k calls", len(bulk), "calls"),
        figure("catalog: push 100k reads", len(pushed) - len(bulk), "calls"),
        figure("catalog: push 100k", seconds, "s"),
        figure("catalog: push 100k memory", _peak_mb(), "MB"),
        figure("catalog: unchanged 100k calls", len(unchanged), "calls"),
        figure("catalog: one product", 1000 * median(one), "ms"),
    ]


@asynccontextmanager
async def _working(catalog: Harness) -> AsyncIterator[None]:
    """Run the loops of the service."""
    service, stop = catalog.service, asyncio.Event()
    running = [asyncio.create_task(loop(stop)) for loop in (service.worker.run, service.database.wakeups.run)]
    try:
        yield
    finally:
        stop.set()
        service.database.wakeups.wake_all()
        await asyncio.gather(*running)


async def _has(catalog: Harness, sql: str) -> bool:
    return bool(await catalog.fetch(sql))


async def _send_all(catalog: Harness, merchant_id: str, products: int) -> None:
    """Send the products in batches, and wait until none is left to push."""
    for first in range(0, products, BATCH):
        rows = [_product(number) for number in range(first, min(first + BATCH, products))]
        status, _ = await catalog.call("POST", f"/v1/merchants/{merchant_id}/products:batch", rows)
        if status != 200:
            raise RuntimeError(f"a batch was answered {status}")
    await eventually(lambda: _is_idle(catalog), within=1200)
    [row] = await catalog.fetch("SELECT count(*) AS linked FROM product WHERE item_id IS NOT NULL")
    if row["linked"] != products:
        raise RuntimeError(f"{row['linked']} of {products} products are in Clover")


async def _is_idle(catalog: Harness) -> bool:
    return not await _has(catalog, "SELECT FROM work WHERE kind = 'push_product' LIMIT 1")


def _product(number: int) -> dict[str, Any]:
    return {
        "product_id": f"p-{number}",
        "name": f"Stoneware mug no. {number}, hand-glazed",
        "sku": f"MUG-{number:06}",
        "price": 1000 + number % 5000,
        "currency": "USD",
        "status": "active",
        "barcode": f"{4006380000000 + number}",
    }


def _peak_mb() -> float:
    """Return the largest resident memory of this process: `ru_maxrss` would be at least that of its parent."""
    [line] = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


async def _calls(clover: str) -> list[dict[str, Any]]:
    """Return the calls since the last time."""
    log = await control(clover, "GET", "requests?limit=200000")
    await control(clover, "DELETE", "requests")
    requests: list[dict[str, Any]] = log["requests"]
    return requests


async def _one(catalog: Harness, clover: str, merchant_id: str, number: int) -> float:
    """Change the price of a product; return the seconds from its PUT until Clover has the price."""
    product = _product(number)
    product_id, sku = product.pop("product_id"), product["sku"]
    began = time.perf_counter()
    status, _ = await catalog.call("PUT", f"/v1/merchants/{merchant_id}/products/{product_id}", product | {"price": 1})
    if status != 202:
        raise RuntimeError(f"a PUT was answered {status}")

    async def is_there() -> bool:
        item = await control(clover, "GET", f"merchants/{merchant_id}/items/{sku}")
        return bool(item["price"] == 1)

    await eventually(is_there, within=10)
    seconds = time.perf_counter() - began
    await eventually(lambda: _is_idle(catalog), within=10)
    return seconds


if __name__ == "__main__":
    print_figures(measure)
