"""Orders is killed again and again while the tills sell, and each sale is published exactly once."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aio_pika.abc import AbstractIncomingMessage
from tests.support.eventually import eventually
from tests.support.running import Shop, running_system

from common.bus.broker import Broker
from common.contracts.orders import PosRefundRecorded, PosSaleRecorded
from quicksync_dev import bus
from quicksync_dev.demo.world import World
from quicksync_dev.system import System

MERCHANTS, SECONDS = 20, 12.0
KILLS = 4
PRICE = 300

WEBHOOKS = {"late": 0.3, "late_ms": 4000, "duplicate": 0.3}
"""Some come late, or twice: their orders are read again after they were published."""

Heard = dict[str, dict[str, Any]]
"""The events of each order in Clover, by the ids of their messages: one that is delivered twice counts once."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("rate", [20.0, pytest.param(50.0, marks=pytest.mark.bar)])
async def test_each_sale_is_published_once_although_orders_is_killed(
    postgres_dsn: str, amqp_url: str, rate: float
) -> None:
    """That many sales a second over 20 merchants; each is heard of, whole, in one event."""
    async with (
        running_system(postgres_dsn, amqp_url) as system,
        _listening(system, amqp_url) as heard,
        aiohttp.ClientSession() as session,
    ):
        world = World(system.env(), session, lambda _: None)
        await world.clover("PUT", "/webhooks", WEBHOOKS)
        shops = await asyncio.gather(*(_connected(system, session) for _ in range(MERCHANTS)))
        selling = asyncio.create_task(_sell(shops, rate))
        for _ in range(KILLS):
            await asyncio.sleep(SECONDS / (KILLS + 1))  # the tills sell meanwhile
            await system.kill("orders")
            await system.restart("orders")
        sold = await selling
        await eventually(lambda: heard.keys() >= sold.keys(), within=180)
        await eventually(lambda: _is_at_rest(shops), within=120)

    assert {order_id: len(events) for order_id, events in heard.items()} == dict.fromkeys(sold, 1)
    for order_id, quantity in sold.items():
        [event] = heard[order_id].values()
        assert sum(line["quantity"] for line in event["lines"]) == 1000 * quantity
        assert event["amount"] == PRICE * quantity


@asynccontextmanager
async def _listening(system: System, amqp_url: str) -> AsyncIterator[Heard]:
    """Hear what orders publishes about sales and refunds, as a service of its own."""
    heard: Heard = defaultdict(dict)
    topology, broker = bus.topology(system.data_dir.system), Broker(amqp_url, "test")

    async def hear(message: AbstractIncomingMessage) -> None:
        event = json.loads(message.body)
        heard[event["clover_order_id"]][str(message.message_id)] = event

    async with broker.channel("test") as channel:
        name = await topology.declare_queue(channel, "listener", [PosSaleRecorded.type, PosRefundRecorded.type])
        try:
            await (await channel.get_queue(name)).consume(hear, no_ack=True)
            yield heard
        finally:
            await channel.queue_delete(name)


async def _connected(system: System, session: aiohttp.ClientSession) -> Shop:
    shop = Shop(World(system.env(), session, lambda _: None), "us")
    await shop.connect()
    await shop.till("create_item", {"name": "Tea", "price": PRICE, "sku": "TEA"})
    await eventually(lambda: _is_watched(shop))
    return shop


async def _is_watched(shop: Shop) -> bool:
    """Whether the services that take webhooks know the merchant; before, the first sweep finds its sales."""
    pages = [await shop.call("GET", f"/work/{service}") for service in ("orders", "inventory")]
    return all(page["work"] for page in pages)


async def _sell(shops: Sequence[Shop], rate: float) -> dict[str, int]:
    """Sell at a steady rate, one merchant after another; return the quantity of each order."""
    sold: dict[str, int] = {}

    async def sell_one(shop: Shop, quantity: int) -> None:
        made = await shop.till("sell", {"sku": "TEA", "quantity": quantity})
        sold[made["order"]] = quantity

    start = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(int(SECONDS * rate)):
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
            group.create_task(sell_one(shops[number % len(shops)], 1 + number % 3))
    return sold


async def _is_at_rest(shops: Sequence[Shop]) -> bool:
    """Whether no sale is left to be read."""
    pages = [await shop.call("GET", "/work/orders?kind=read_sale") for shop in shops]
    return not any(page["work"] for page in pages)
