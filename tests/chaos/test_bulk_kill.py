"""Catalog is killed while it pushes many products in one call, and the request is repeated: no item is doubled."""

from collections import Counter
from typing import Any

import aiohttp
import asyncpg
import pytest
from tests.support.eventually import eventually
from tests.support.running import QUICK, Shop, running_system

from quicksync_dev.demo.world import World
from quicksync_dev.system import System

SETTINGS = {"QS_BATCH_GATHERS_SECONDS": "0", "QS_GRANT_SECONDS": "2", "QS_CREATE_SETTLES_SECONDS": "8"}
"""A dead process blocks its share of the calls for a moment only. A call takes effect within 8 s."""
PORTION = 700
CALL = {"method": "POST", "path": "/bulk_items$", "times": 1}
DEATHS: list[dict[str, Any]] = [
    {"kind": "apply_late", "seconds": 3, "answer": "hang"},  # Clover creates the items once another process works
    {"kind": "delay", "ms": 2000, "when": "after"},  # they are there, and the answer is on its way
    {"kind": "delay", "ms": 1, "when": "after"},  # the answer is being saved
]
"""The end of each call of many while the process dies that made it."""


@pytest.mark.timeout(180)
async def test_no_item_is_doubled_although_catalog_is_killed(postgres_dsn: str, amqp_url: str) -> None:
    """2,100 products, a third of them new in each request: each has its item in the end, and there is no other."""
    async with running_system(postgres_dsn, amqp_url, QUICK | SETTINGS) as system, aiohttp.ClientSession() as session:
        world = World(system.env(), session, lambda _: None)
        shop = Shop(world, "us")
        await shop.connect()
        await eventually(lambda: _is_read(shop), within=60)
        for number, death in enumerate(DEATHS, start=1):
            await world.clover("PUT", "/faults", {"rules": [CALL | death]})
            await _send(shop, number * PORTION)
            await eventually(lambda: _has_struck(world), within=60)
            await _die(system)
            await _send(shop, number * PORTION)
        await eventually(lambda: _all_linked(shop), within=90)
        truth = await world.clover("GET", f"/merchants/{shop.merchant}?limit={2 * len(DEATHS) * PORTION}")
        items = {item["id"]: item["sku"] for item in truth["items"]}
        products = await _products(shop)

    assert [sku for sku, count in Counter(items.values()).items() if count > 1] == []
    assert {each["item_id"]: each["sku"] for each in products} == items
    assert len(items) == len(DEATHS) * PORTION


async def _die(system: System) -> None:
    """Kill the process and start another one, for which the leases of the dead one are over at once."""
    await system.kill("catalog")
    connection = await asyncpg.connect(system.env()["postgres_dsn"])
    await connection.execute("UPDATE catalog.lease SET expires_at = now()")
    await connection.close()
    await system.restart("catalog")


async def _send(shop: Shop, count: int) -> None:
    fields = {"name": "Mug", "price": 1250, "currency": "USD", "status": "active"}
    rows = [{"product_id": f"p-{number}", "sku": f"SKU-{number}", **fields} for number in range(count)]
    outcomes = await shop.call("POST", "/products:batch", rows)
    assert {each["outcome"] for each in outcomes} <= {"accepted", "unchanged"}


async def _is_read(shop: Shop) -> bool:
    return bool((await shop.call("GET", "/first-sync"))["state"] == "done")


async def _has_struck(world: World) -> bool:
    [rule] = (await world.clover("GET", "/faults"))["rules"]
    return bool(rule["played"])


async def _all_linked(shop: Shop) -> bool:
    return all(each["item_id"] and each["sync"]["state"] == "synced" for each in await _products(shop))


async def _products(shop: Shop) -> list[Any]:
    found: list[Any] = []
    after = ""
    while True:
        page = await shop.call("GET", f"/products?limit=500{after}")
        found += page["products"]
        if page["next"] is None:
            return found
        after = f"&cursor={page['next']}"
