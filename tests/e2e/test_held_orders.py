"""Orders that wait for their order type in Clover."""

import asyncio
import time

import aiohttp
import pytest
from tests.support.eventually import eventually
from tests.support.running import PATIENCE, QUICK, Shop, in_order, running_system, shop_on

from quicksync_dev.demo.world import World
from quicksync_dev.system import System

pytestmark = pytest.mark.timeout(300)


async def test_released_orders_are_sent_in_order_and_within_the_limits(system: System) -> None:
    """Twenty held orders are released; Clover then has each once, in order of arrival, and answered no 429."""
    async with shop_on(system) as shop:
        await _hold_and_release(shop, 20)
        await _no_call_was_throttled(system)


@pytest.mark.bar
@pytest.mark.timeout(1200)
async def test_a_thousand_held_orders(postgres_dsn: str, amqp_url: str) -> None:
    """At Clover's real limits a thousand orders arrive once each and in order, with no 429 and two e-mails in all."""
    async with running_system(postgres_dsn, amqp_url, QUICK) as system, shop_on(system) as shop:
        took = await _hold_and_release(shop, 1000)
        await _no_call_was_throttled(system)
        print(f"\na thousand held orders were sent in {took:.0f} s")  # noqa: T201 - the figure of the bar


async def _hold_and_release(shop: Shop, count: int) -> float:
    """Hold this number of orders, create the order type, and return the seconds until all are sent."""
    await shop.stock_soup(10)
    for number in range(count):
        await shop.order(number)
    await eventually(lambda: _in_state(shop, "held", count), within=PATIENCE)
    [problem] = await eventually(shop.open_problems, within=PATIENCE)
    await eventually(lambda: _waiting(shop, count), within=PATIENCE)
    await eventually(lambda: _mailed(shop, 1), within=PATIENCE)

    await shop.till("create_order_type", {"label": "QuickSync"})
    began = time.monotonic()
    await eventually(lambda: _in_state(shop, "paid", count), within=PATIENCE + count)
    took = time.monotonic() - began
    orders = await shop.clover_orders()
    assert in_order(orders) == [str(number) for number in range(count)]
    assert {(order["total"], order["paymentState"], len(order["lines"])) for order in orders} == {(500, "PAID", 1)}
    await eventually(lambda: _mailed(shop, 2), within=PATIENCE)
    shown = await shop.call("GET", "/problems")
    assert [(each["id"], each["state"], each["resumed_count"]) for each in shown["problems"]] == [
        (problem["id"], "resolved", count)
    ]
    assert len(await shop.mails()) == 2
    return took


async def _no_call_was_throttled(system: System) -> None:
    async with aiohttp.ClientSession() as session:
        record = await World(system.env(), session, lambda _: None).clover("GET", "/requests?limit=1")
    assert "429" not in record["counters"]["by_status"]
    assert not any(record["counters"]["over_limit"].values())


async def _in_state(shop: Shop, state: str, count: int) -> bool:
    await asyncio.sleep(0.2)  # counting a thousand orders slows down the services that send them
    return await shop.orders(state) == count


async def _waiting(shop: Shop, count: int) -> bool:
    return [problem["waiting"] for problem in await shop.open_problems()] == [count]


async def _mailed(shop: Shop, count: int) -> bool:
    return len(await shop.mails()) >= count
