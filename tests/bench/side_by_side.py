"""`side by side`: the share of its granted calls that a busy merchant uses, with a Clover of 20, 50 and 250 ms."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.bench.database import empty_database
from tests.bench.figures import Entry, figure
from tests.integration.inventory.conftest import Inventory, serving_inventory
from tests.integration.orders.conftest import Orders, serving_orders
from tests.support.clover import Shop, local_clover

from clover_sandbox.latency import Latency
from clover_sandbox.limits import Limits
from common import logs

LATENCIES = (20, 50, 250)
RATE, CONCURRENCY = 14.0, 4
"""The grant of the only process that calls for a merchant: 9/10 of Clover's limits, less a reserve."""

WINDOW_SECONDS = 30.0
"""Measured from the first call on: the slow start is included, and the look at the setup that comes once a minute."""

ORDERS, ITEMS = 150, 260
"""More than a window can take."""


async def measure(dsn: str, latencies: tuple[int, ...] = LATENCIES) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them. `dsn` may create databases."""
    logs.configure("bench", "error")
    entries = []
    for latency in latencies:
        shares = {"orders": await _share(dsn, _busy_orders, latency), "stock": await _share(dsn, _busy_stock, latency)}
        entries.append(_entry(latency, shares))
    return entries


def _entry(latency: int, shares: dict[str, float]) -> Entry:
    """The smaller share counts; the share of each kind stands beside it."""
    smaller = figure(f"side by side {latency} ms", min(shares.values()), "share of the granted rate")
    return smaller | {name: round(share, 3) for name, share in shares.items()}


async def _share(dsn: str, busy: Callable[[str], Any], latency: int) -> float:
    async with empty_database(dsn, "orders", "inventory") as own, busy(own) as (service, shop):
        sandbox = service.clover.sandbox
        sandbox.limiter.limits, sandbox.pipeline.latency = Limits(), Latency(latency, latency)
        service.new_worker()
        sandbox.journal.forget()
        sandbox.limiter.forget()
        stop = asyncio.Event()
        working = asyncio.create_task(service.worker.run(stop))
        await asyncio.sleep(WINDOW_SECONDS + 1)
        stop.set()
        await working
        calls = [each.arrived for each in sandbox.journal.since(0) if each.merchant_id == shop.merchant.id]
        if refused := {name: count for name, count in sandbox.limiter.over_limit.items() if count}:
            raise RuntimeError(f"Clover's limits were passed: {refused}")
        if calls[-1] - calls[0] < 1000 * WINDOW_SECONDS - 1000:
            raise RuntimeError("there was too little work for the window")
        made = sum(each < calls[0] + 1000 * WINDOW_SECONDS for each in calls)
        return float(made / (RATE * WINDOW_SECONDS))


@asynccontextmanager
async def _busy_orders(dsn: str) -> AsyncIterator[tuple[Orders, Shop]]:
    async with local_clover() as clover, serving_orders(dsn, clover, {}) as orders:
        orders.grants.rate, orders.grants.concurrency = RATE, CONCURRENCY
        shop = await orders.connected()
        for number in range(ORDERS):
            await orders.put(shop, f"o-{number}")
        yield orders, shop


@asynccontextmanager
async def _busy_stock(dsn: str) -> AsyncIterator[tuple[Inventory, Shop]]:
    async with serving_inventory(dsn) as inventory:
        inventory.grants.rate, inventory.grants.concurrency = RATE, CONCURRENCY
        shop = await inventory.connect()
        items = {f"SKU-{number}": _item(shop, number) for number in range(ITEMS)}
        for sku, item_id in items.items():
            await inventory.linked(shop, sku, item_id)
        await inventory.run_until_idle()
        for sku in items:
            await inventory.adjust(shop, sku, -1)
        yield inventory, shop


def _item(shop: Shop, number: int) -> str:
    return str(shop.till("create_item", name=f"Mug {number}", price=100, quantity=10)["id"])


if __name__ == "__main__":
    chosen = tuple(int(each) for each in sys.argv[1:]) or LATENCIES
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"], chosen)):
        print(json.dumps(entry))  # noqa: T201 - this is its output
