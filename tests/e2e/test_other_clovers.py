"""Clover may differ from the sandbox's defaults wherever its behaviour is unproven; each mode is tried."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from tests.support.eventually import eventually
from tests.support.running import PATIENCE, Shop, shop_on

from clover_sandbox.switches import SWITCHES
from quicksync_dev.demo.world import Json, World
from quicksync_dev.system import System

pytestmark = pytest.mark.timeout(300)

CLOVERS = range(max(len(switch.modes) for switch in SWITCHES.values()))


def modes(clover: int) -> Mapping[str, str]:
    """The modes of one variant of Clover; all variants together cover each mode of each switch."""
    return {name: switch.modes[clover % len(switch.modes)] for name, switch in SWITCHES.items()}


@pytest.mark.parametrize("clover", CLOVERS)
async def test_stock_and_orders_are_right_in_every_mode_of_clover(system: System, clover: int) -> None:
    """In every mode counts agree, and orders are exact and paid, or held with a problem."""
    how = modes(clover)
    async with behaving(system, how), shop_on(system, "us") as american, shop_on(system, "eu") as european:
        await asyncio.gather(*(counts_agree(shop) for shop in (american, european)))
        await asyncio.gather(*(orders_are_exact(shop, how) for shop in (american, european)))
        [[made, _], [paid, _]] = await american.clover_orders(), await european.clover_orders()
        assert (len(made["customers"]), len(paid["customers"])) == (1, 0)


async def counts_agree(shop: Shop) -> None:
    await shop.stock_soup(10)
    await shop.adjust("web-1", -2)
    await shop.stock_is(8)
    items: list[Json] = (await shop.truth())["items"]
    [soup] = [item["id"] for item in items if item.get("sku") == "SOUP"]
    await shop.till("recount", {"item": soup, "quantity": 20})
    await shop.stock_is(20)


async def orders_are_exact(shop: Shop, how: Mapping[str, str]) -> None:
    await shop.till("create_order_type", {"label": "QuickSync"})
    await shop.order(1, quantity=2, customer={"first_name": "Ada", "last_name": "Byron", "phone": "030/5550123"})
    await in_state(shop, 1, "paid")
    await shop.order(2)
    await in_state(shop, 2, "paid")
    made = [(order["total"], order["paymentState"], len(order["lines"])) for order in await shop.clover_orders()]
    assert made == [(1000, "PAID", 2), (500, "PAID", 1)]

    await shop.call("POST", "/orders/1/complete")
    await in_state(shop, 1, "done")
    await shop.call("POST", "/orders/2/cancel")
    refused = how["delete_paid_order"] == "refuse"
    await in_state(shop, 2, "held" if refused else "cancelled")
    await eventually(lambda: problems_are(shop, ["cancellation_refused"] if refused else []), within=PATIENCE)


@asynccontextmanager
async def behaving(system: System, how: Mapping[str, str]) -> AsyncIterator[None]:
    """Put the sandbox into these modes for the duration of the block."""
    async with aiohttp.ClientSession() as session:
        world = World(system.env(), session, lambda _: None)
        await world.clover("PATCH", "/switches", dict(how))
        try:
            yield
        finally:
            await world.clover("DELETE", "/switches")


async def in_state(shop: Shop, number: int, state: str) -> None:
    async def is_so() -> bool:
        order = await shop.call("GET", f"/orders/{number}")
        assert order["state"] == state, f"{order['state']}: {order['reason']} {order['problem']}"
        return True

    await eventually(is_so, within=PATIENCE)


async def problems_are(shop: Shop, codes: list[str]) -> bool:
    return [problem["code"] for problem in await shop.open_problems()] == codes
