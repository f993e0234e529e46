"""Catalog is killed and comes back while many processes call for many merchants: they go on with their last grants."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from tests.support.eventually import eventually
from tests.support.running import Shop, running_system, shop_on

from quicksync_dev.system import System

REPLICAS, SHOPS, ORDERS = 2, 6, 8
AWAY_SECONDS = 30.0
LIMITS = {
    "app_most_in_a_second": 50,
    "app_most_in_flight": 10,
    "token_most_in_a_second": 16,
    "token_most_in_flight": 5,
}


@pytest.fixture
async def system(postgres_dsn: str, amqp_url: str) -> AsyncIterator[System]:
    async with running_system(postgres_dsn, amqp_url, replicas=REPLICAS) as system:
        yield system


@pytest.mark.bar
@pytest.mark.timeout(400)
async def test_catalog_is_away_for_a_while(system: System) -> None:
    """No limit of Clover is passed, orders are sent meanwhile, and each is in Clover once in the end."""
    catalogs = [name for name in system.components if name.partition("-")[0] == "catalog"]
    assert len(catalogs) == REPLICAS
    async with AsyncExitStack() as stack:
        shops = [await stack.enter_async_context(shop_on(system)) for _ in range(SHOPS)]
        for shop in shops:
            await shop.stock_soup(100)
            await shop.till("create_order_type", {"label": "QuickSync"})
            await shop.order(0)
        await asyncio.gather(*(_until_paid(shop, 1) for shop in shops))

        await asyncio.gather(*(system.kill(name) for name in catalogs))
        before = (await shops[0].counters())["total"]
        for number in range(1, ORDERS):
            await asyncio.gather(*(shop.order(number) for shop in shops))
        await asyncio.sleep(AWAY_SECONDS)  # the processes of another program do not wait by our clock
        meanwhile = (await shops[0].counters())["total"] - before
        await asyncio.gather(*(system.restart(name) for name in catalogs))

        await asyncio.gather(*(_until_paid(shop, ORDERS) for shop in shops))
        for shop in shops:
            assert len(await shop.clover_orders()) == ORDERS
        counters = await shops[0].counters()
    assert meanwhile >= SHOPS
    assert counters["over_limit"] == dict.fromkeys(counters["over_limit"], 0)
    assert {name: counters[name] for name in LIMITS if counters[name] > LIMITS[name]} == {}


async def _until_paid(shop: Shop, count: int) -> None:
    async def paid() -> bool:
        return await shop.orders("paid") == count

    await eventually(paid, within=120)
