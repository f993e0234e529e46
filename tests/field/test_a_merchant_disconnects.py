"""A merchant disconnects and connects again, on the running system: nothing is lost, and nobody has to help."""

import aiohttp
import pytest
from tests.field.conftest import MailedSystem
from tests.support.eventually import eventually
from tests.support.running import PATIENCE, Shop

from quicksync_dev.demo.world import World

pytestmark = pytest.mark.timeout(300)


async def test_everything_resumes_with_the_next_connection(mailed_system: MailedSystem) -> None:
    """An order and a sale that come while Clover is disconnected wait under one problem, which closes by itself."""
    async with aiohttp.ClientSession() as session:
        world = World(mailed_system.system.env(), session, lambda _: None)
        shop = Shop(world, "us")
        made = await world.clover("POST", "/merchants", {"region": "us"})
        world.merchants["us"] = made["id"]
        connection = {"merchant_id": made["id"], "region": "us", "api_token": made["token"], "account_id": "field"}
        connection["account_email"] = "owner@shop.localhost"
        await shop.call("POST", "", connection)
        await shop.till("create_order_type", {"label": "QuickSync"})
        await shop.stock_soup(10)

        assert (await world.quicksync("DELETE", f"/v1/merchants/{made['id']}", None))[0] == 204
        await eventually(lambda: is_in_the_feed(shop), within=PATIENCE)
        await shop.order(1)
        await shop.adjust("web-1", -2)
        await eventually(lambda: waits(shop), within=PATIENCE)
        assert await shop.clover_orders() == []

        await shop.call("POST", "", connection)
        await eventually(lambda: is_paid(shop), within=PATIENCE)
        await shop.stock_is(8)
        await eventually(lambda: is_well(shop), within=PATIENCE)


async def is_in_the_feed(shop: Shop) -> bool:
    """Return whether the feed says that Clover is disconnected."""
    feed = await shop.call("GET", "/activity")
    return any("disconnected" in each["message"] for each in feed["activity"])


async def waits(shop: Shop) -> bool:
    held = await shop.orders("held")
    return held == 1 and {each["code"] for each in await shop.open_problems()} == {"connection_lost"}


async def is_paid(shop: Shop) -> bool:
    return await shop.orders("paid") == 1


async def is_well(shop: Shop) -> bool:
    return await shop.open_problems() == []
