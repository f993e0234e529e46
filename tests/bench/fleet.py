"""`fleet`: how much of the app's limit three replicas of each service use for fifty busy merchants, and how fairly.

The services are processes as in production. Every merchant has products, stock counts and orders to be written all the
time; Clover's sandbox, with its real limits, counts what it receives and refuses the rest.
"""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import aiohttp
from tests.bench.figures import Entry, figure
from tests.support.eventually import eventually
from tests.support.running import Shop, running_system

from catalog.settings import LIMITS
from quicksync_dev.demo.world import World

MERCHANTS, REPLICAS = 50, 3
PRODUCTS = 4
LATENCY_MS = 50
WARM_UP_SECONDS, SECONDS = 15.0, 45.0
ORDERS, ROUND_SECONDS = 6, 10.0
"""New work of each merchant, and how often it comes: three times what the calls suffice for, so that all are busy.

More would take the processors of the services themselves, and a call that a busy process ends late counts for longer.
"""

LINE = {"sku": "SOUP-0", "name": "Soup", "quantity": 1, "unit_price": 500}
PAGE = 1000


@dataclass(frozen=True)
class Fleet:
    """The running system with its merchants."""

    world: World
    shops: Sequence[Shop]

    async def prepare(self) -> None:
        """Bring the first products of every merchant to Clover, so that their stock can be counted."""
        for shop in self.shops:
            await shop.connect()
            await shop.till("create_order_type", {"label": "QuickSync"})
            await shop.call("POST", "/products:batch", [_product(number, 500) for number in range(PRODUCTS)])
        for shop in self.shops:
            await eventually(lambda shop=shop: _is_counted(shop), within=120)  # type: ignore[misc]

    async def keep_busy(self) -> None:
        """Give all merchants new work again and again."""
        for round_ in count(1):
            began = time.monotonic()
            await asyncio.gather(*(self._work(shop, round_) for shop in self.shops))
            await asyncio.sleep(max(0.0, ROUND_SECONDS - (time.monotonic() - began)))

    async def _work(self, shop: Shop, round_: int) -> None:
        for number in range(PRODUCTS):
            product = _product(number, 500 + round_)
            await shop.call("PUT", f"/products/{product.pop('product_id')}", product)
            await shop.call("PUT", f"/stock/SOUP-{number}", {"quantity": 100 + round_})
        for number in range(ORDERS):
            await shop.order(1000 * round_ + number, lines=[LINE])

    async def calls(self, since: int) -> list[Any]:
        """Return the calls that Clover received after this one."""
        calls: list[Any] = []
        while True:
            page = await self.world.clover("GET", f"/requests?since={since}&limit={PAGE}")
            calls += page["requests"]
            if len(page["requests"]) < PAGE:
                return calls
            since = calls[-1]["seq"]


async def measure(dsn: str, amqp_url: str, seconds: float = SECONDS) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them."""
    async with (
        running_system(dsn, amqp_url, {}, REPLICAS) as system,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8)) as session,
    ):
        worlds = [World(system.env(), session, lambda _: None) for _ in range(MERCHANTS)]
        fleet, world = Fleet(worlds[0], [Shop(each, "us") for each in worlds]), worlds[0]
        await world.clover("PATCH", "/latency", {"ms": LATENCY_MS})
        await fleet.prepare()
        busy = asyncio.create_task(fleet.keep_busy())
        await asyncio.sleep(WARM_UP_SECONDS)
        begun = await world.clover("GET", "/requests?limit=0")
        await world.clover("DELETE", "/requests")
        await asyncio.sleep(seconds)
        calls = await fleet.calls(begun["last_seq"])
        counters = (await world.clover("GET", "/requests?limit=0"))["counters"]
        busy.cancel()
    return _figures(calls, counters, seconds)


def _figures(calls: Sequence[Any], counters: Any, seconds: float) -> list[Entry]:
    refused = {name: number for name, number in counters["over_limit"].items() if number}
    if refused:
        raise RuntimeError(f"Clover refused calls: {refused}")
    of_merchant = Counter(each["merchant"] for each in calls if each["merchant"])
    fair = sum(of_merchant.values()) / MERCHANTS
    slowest = min(of_merchant.values()) if len(of_merchant) == MERCHANTS else 0
    return [
        figure("fleet: app limit used", len(calls) / seconds / LIMITS["app"], "share"),
        figure("fleet: slowest merchant", fair / slowest if slowest else float("inf"), "times slower"),
        figure("fleet: most calls in a second", counters["app_most_in_a_second"], "calls"),
        figure("fleet: most calls in flight", counters["app_most_in_flight"], "calls"),
    ]


def _product(number: int, price: int) -> dict[str, Any]:
    return {
        "product_id": f"soup-{number}",
        "name": f"Soup {number}",
        "sku": f"SOUP-{number}",
        "price": price,
        "currency": "USD",
        "status": "active",
    }


async def _is_counted(shop: Shop) -> bool:
    for number in range(PRODUCTS):
        await shop.call("PUT", f"/stock/SOUP-{number}", {"quantity": 100})
    return True


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"], os.environ["QS_AMQP_URL"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
