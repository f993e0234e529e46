"""`orders: to paid`, `orders: calls per order`, `orders: share of rate`: orders of three lines going into Clover.

The sandbox enforces Clover's real limits and takes a set time for each call; orders runs as production builds it, with
the calls that one merchant is granted.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import median
from typing import Any

from tests.bench.database import empty_database
from tests.bench.figures import Entry, figure
from tests.integration.orders.conftest import Orders, serving_orders
from tests.support.clover import Shop, local_clover

from clover_sandbox.latency import Latency
from clover_sandbox.limits import Limits
from common import logs
from common.clover.grants import Grant, Want

SINGLE = 100
"""Orders sent one after another, each once the one before is paid."""
MANY = {20: 250, 50: 1000, 250: 250}
"""Orders sent at once, by the milliseconds that Clover takes for a call."""
RATE, CONCURRENCY = 14.0, 4
"""The part of Clover's 16 calls a second that a merchant's service is granted."""

ACCEPTED, TOO_MANY = 202, 429


async def measure(dsn: str, single: int = SINGLE, many: dict[int, int] = MANY) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them. `dsn` may create databases."""
    logs.configure("orders", "error")
    took = sorted(await _one_by_one(dsn, single))
    found = {latency: await _at_once(dsn, latency, count) for latency, count in many.items()}
    return [
        figure("orders: to paid", 1000 * median(took), "ms"),
        figure("orders: to paid, p99", 1000 * took[int(len(took) * 0.99)], "ms"),
        figure("orders: calls per order", max(calls for calls, _ in found.values()), ""),
        figure("orders: share of rate", min(share for _, share in found.values()), ""),
        *(figure(f"orders: share of rate, Clover of {latency} ms", share, "") for latency, (_, share) in found.items()),
    ]


async def _one_by_one(dsn: str, count: int) -> list[float]:
    """Return how long each order took from its PUT until it was paid in Clover."""
    took = []
    async with _working(dsn, 50) as (orders, shop):
        for number in range(-3, count):  # the first ones read the setup
            began = time.perf_counter()
            await _put(orders, shop, number)
            await _until_paid(shop, number + 4, 0.001)
            took.append(time.perf_counter() - began)
            await _idle(orders)
    return took[3:]


async def _at_once(dsn: str, latency: int, count: int) -> tuple[float, float]:
    """Return the calls per order, and the calls a second as a part of those that are granted."""
    async with _working(dsn, latency) as (orders, shop):
        await _put(orders, shop, -1)
        await _idle(orders)
        calls = len(orders.calls(shop))
        for number in range(count):
            await _put(orders, shop, number)
        first, began = len(orders.calls(shop)), time.perf_counter()
        await _until_paid(shop, int(0.9 * count))  # at the end too few orders are left to fill the rate
        share = (len(orders.calls(shop)) - first) / (time.perf_counter() - began) / RATE
        await _until_paid(shop, count + 1)
        await _idle(orders)
        refused = [each for each in orders.clover.sandbox.journal.since(0) if each.status == TOO_MANY]
    if refused:
        raise RuntimeError(f"Clover refused {len(refused)} calls")
    return (len(orders.calls(shop)) - calls) / count, share


async def _until_paid(shop: Shop, count: int, pause: float = 0.05) -> None:
    while len(_paid(shop)) < count:  # noqa: ASYNC110 - the sandbox tells nobody
        await asyncio.sleep(pause)


async def _put(orders: Orders, shop: Shop, number: int) -> None:
    lines = [
        {"sku": "MUG", "name": "Mug", "quantity": 1, "unit_price": 1250},
        {"sku": "POSTER", "name": "Poster", "quantity": 1, "unit_price": 999},
        {"sku": "PIN", "name": "Pin", "quantity": 1, "unit_price": 300},
    ]
    status, body = await orders.put(shop, f"o-{number}", lines=lines, total=2549)
    if status != ACCEPTED:
        raise RuntimeError(f"not taken: {body}")


def _paid(shop: Shop) -> list[Any]:
    return [each for each in shop.merchant.objects["orders"].everything() if each.get("paymentState") == "PAID"]


async def _idle(orders: Orders) -> None:
    while await orders.fetch("SELECT FROM work WHERE kind = 'push_order' LIMIT 1"):  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.005)


@asynccontextmanager
async def _working(dsn: str, latency: int) -> AsyncIterator[tuple[Orders, Shop]]:
    """A merchant whose orders are worked on, with a Clover that takes this many milliseconds."""
    async with (
        local_clover(Limits()) as clover,
        empty_database(dsn, "orders") as own,
        serving_orders(own, clover, {}) as orders,
    ):
        clover.sandbox.pipeline.latency = Latency(latency, latency)
        take = orders.grants.take

        async def granted(merchant_id: str, want: Want, in_flight: int = 0) -> Grant:
            return replace(await take(merchant_id, want, in_flight), rate=RATE, concurrency=CONCURRENCY)

        orders.grants.take = granted  # type: ignore[method-assign]
        shop, stop = await orders.connected(), asyncio.Event()
        loops = [orders.worker.run(stop), orders.service.database.wakeups.run(stop)]
        running = [asyncio.create_task(each) for each in loops]
        try:
            yield orders, shop
        finally:
            stop.set()
            orders.service.database.wakeups.wake_all()
            await asyncio.gather(*running)


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
