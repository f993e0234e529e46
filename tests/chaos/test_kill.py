"""Killing any component while orders and stock are synced changes no result once it is restarted."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import pytest
from tests.support.eventually import eventually
from tests.support.running import QUICK, Shop, in_order, running_system, shop_on

from quicksync_dev.database import SERVICES
from quicksync_dev.demo.world import World
from quicksync_dev.system import System

pytestmark = pytest.mark.timeout(400)  # the first test of each system also starts it, on a machine that may be busy

ORDERS = 20
AT_ONCE = {"app_concurrent": 10, "token_concurrent": 5}
MOST_UNDER_WAY = 15
"""Orders that are being sent side by side: for each of the five calls that Clover takes at once, three keys."""
LIMITS = {"app": 400, "token": 128}
"""Many calls a second, so that the orders do not take most of the test's time; as many at once as Clover allows."""

PAGE = 999
"""Items of a page, of which catalog's overlap by one."""

GRANT_SECONDS = "4"
"""How long a killed process keeps its share of the calls from the next one."""


@pytest.fixture(scope="module")
async def system(postgres_dsn: str, amqp_url: str) -> AsyncIterator[System]:
    """A system whose services the tests kill."""
    async with _generous(postgres_dsn, amqp_url) as system:
        yield system


@pytest.fixture(scope="module")
async def own_system() -> AsyncIterator[System]:
    """A system with a database and a broker of its own, which the tests kill."""
    async with _generous(None, None) as system:
        yield system


@asynccontextmanager
async def _generous(postgres_dsn: str | None, amqp_url: str | None) -> AsyncIterator[System]:
    limits = ",".join(f"{name}={number}" for name, number in {**LIMITS, **AT_ONCE}.items())
    settings = {**QUICK, "QS_CLOVER_LIMITS": limits, "QS_GRANT_SECONDS": GRANT_SECONDS}
    async with running_system(postgres_dsn, amqp_url, settings) as system:
        async with aiohttp.ClientSession() as session:
            await World(system.env(), session, lambda _: None).clover("PATCH", "/limits", LIMITS)
        yield system


@pytest.mark.parametrize("service", SERVICES)
async def test_the_story_ends_the_same_after_a_service_is_killed(system: System, service: str) -> None:
    """Every order is in Clover once, in order but for those in doubt, stock is exact, and there are two e-mails."""
    await _play(system, service)


@pytest.mark.parametrize("server", ["rabbitmq", "postgres"])
async def test_the_story_ends_the_same_after_a_server_is_killed(own_system: System, server: str) -> None:
    """The same, when all services lose their connections at once."""
    await _play(own_system, server)


async def _play(system: System, victim: str) -> None:
    async with shop_on(system) as shop:
        await shop.stock_soup(100)
        for number in range(ORDERS):
            await shop.order(number)
        await eventually(lambda: _held(shop), within=60)
        await eventually(lambda: _mailed(shop, 1), within=60)

        await shop.till("create_order_type", {"label": "QuickSync"})
        async with shop.answered_late("POST", "/orders"):
            await _recheck(shop)
            await eventually(shop.clover_orders, within=60)
            await system.kill(victim)
        selling = asyncio.create_task(_sell_both_ways(shop))
        await system.restart(victim)
        await selling

        await eventually(lambda: _all_paid(shop), within=90)
        await _assert_once_and_in_order(shop)
        await shop.stock_is(100 - 3 - 2)
        await eventually(lambda: _solved(shop), within=60)
        await eventually(lambda: _mailed(shop, 2), within=60)
        assert len(await shop.mails()) == 2


@pytest.mark.parametrize(
    ("service", "collection", "pages", "unsaved"), [("catalog", "items", 20, 8), ("inventory", "item_stocks", 8, 1)]
)
async def test_a_sweep_goes_on_after_its_service_was_killed(
    system: System, service: str, collection: str, pages: int, unsaved: int
) -> None:
    """Of a long comparison only the pages that were not saved yet are read again.

    Catalog has up to eight pages under way, inventory one. They are read once more if the machine stalls for so long
    that the new process loses its lease.
    """
    async with shop_on(system, items=PAGE * pages) as shop:

        async def half() -> Any:
            shown = await shop.call("GET", f"/work/{service}")
            return next((each["progress"] for each in shown["work"] if _pages(each["progress"]) >= pages / 2), None)

        async def is_over() -> bool:
            shown = await shop.call("GET", f"/work/{service}")
            return [row["state"] for row in shown["work"] if row["kind"].startswith("sweep")] == ["waiting"]

        async with shop.answered_late("GET", f"/{collection}[?]"):
            left = pages - _pages(await eventually(half, within=60))
            await system.kill(service)
            killed_at = time.time()
        await system.restart(service)
        await eventually(is_over, within=90)

        reads = await shop.reads(collection)
        assert len(reads) >= pages
        assert 0 < sum(at > killed_at for at in reads) <= left + unsaved < pages


def _pages(progress: Any) -> int:
    return int(progress["done"] // PAGE) if progress else 0


async def _assert_once_and_in_order(shop: Shop) -> None:
    """Assert that each order is in Clover once, and that only orders which the kill left in doubt were overtaken."""
    numbers = in_order(await shop.clover_orders())
    assert sorted(numbers, key=int) == [str(number) for number in range(ORDERS)]
    certain = [number for number in numbers if not await _was_in_doubt(shop, number)]
    assert certain == sorted(certain, key=int)
    assert len(certain) >= ORDERS - MOST_UNDER_WAY
    await _assert_announced(shop)


async def _assert_announced(shop: Shop) -> None:
    """Assert that before each order was created, a record said that it is being sent (O4)."""
    for order in await shop.clover_orders():
        shown = await shop.call("GET", f"/orders/{order['note'].split()[-1]}")
        assert shown["reference"] == order["externalReferenceId"]
        sent = [each["at"] for each in shown["timeline"] if each["event"] == "create_sent"]
        assert datetime.fromisoformat(sent[0]).timestamp() // 1 * 1000 <= order["createdTime"]


async def _was_in_doubt(shop: Shop, number: str) -> bool:
    shown = await shop.call("GET", f"/orders/{number}")
    return any(entry["event"].startswith("lookup_") for entry in shown["timeline"])


async def _sell_both_ways(shop: Shop) -> None:
    """Sell at the till, then online: a till sale between the read and the write of a push cannot be seen yet."""
    [item] = [item["id"] for item in (await shop.truth())["items"]]
    await shop.till("sell", {"lines": [{"item": item, "quantity": 2}]})
    for number in range(3):
        await shop.adjust(f"web-{number}", -1)


async def _recheck(shop: Shop) -> None:
    [problem] = await shop.open_problems()
    await shop.call("POST", f"/problems/{problem['id']}/recheck")


async def _held(shop: Shop) -> bool:
    return await shop.orders("held") == ORDERS


async def _all_paid(shop: Shop) -> bool:
    return await shop.orders("paid") == ORDERS


async def _solved(shop: Shop) -> bool:
    return not await shop.open_problems()


async def _mailed(shop: Shop, count: int) -> bool:
    return len(await shop.mails()) >= count
