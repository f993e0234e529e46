"""Users met: an uncounted item became -1 in Clover, and unavailable, by one adjustment."""

from itertools import permutations
from typing import Any

import pytest
from tests.integration.inventory.conftest import WRITE, Inventory, inventory
from tests.support.clover import Shop

__all__ = ["inventory"]


async def uncounted(inventory: Inventory) -> tuple[Shop, str]:
    """An item that was created at the till without a quantity, tracks its availability, and is linked."""
    shop = await inventory.connect()
    item = str(shop.till("create_item", name="Mug", price=100, autoManage=True)["id"])
    await inventory.linked(shop, "SKU-1", item)
    return shop, item


async def lines(inventory: Inventory, shop: Shop) -> list[Any]:
    """The ledger, oldest first."""
    _, answer = await inventory.ask("GET", shop, "/stock/SKU-1/ledger")
    return [(each["delta"], each["before"], each["after"]) for each in reversed(answer["movements"])]


@pytest.mark.parametrize("read_first", [True, False])
async def test_it_stays_uncounted_and_clover_is_not_written(inventory: Inventory, read_first: bool) -> None:
    """The movement is in the ledger, the count is null, and Clover gets nothing, by no sweep either."""
    shop, item = await uncounted(inventory)
    if read_first:
        await inventory.run_until_idle()

    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.connected(shop)
    for _ in range(3):
        await inventory.later(400)

    assert await inventory.stock(shop, "SKU-1") == (None, None)
    assert await lines(inventory, shop) == [(-1, None, None)]
    assert (shop.count(item), inventory.calls(WRITE)) == (None, [])
    assert await inventory.stock_changes() == []


async def test_no_order_of_events_makes_a_count(inventory: Inventory) -> None:
    """Adjustments, links and sweeps, in every order and with the work done after each or at the end."""
    for steps in permutations(["adjust", "link", "link again", "sweep"]):
        shop = await inventory.connect()
        items = [str(shop.till("create_item", name="Mug", price=100, autoManage=True)["id"]) for _ in range(2)]
        await inventory.changed(shop, items[0])
        for step in steps:
            match step:
                case "adjust":
                    adjustment = {"key": "k", "item_id": items[0], "delta": -1}
                    await inventory.ask("POST", shop, "/stock/adjustments", {"adjustments": [adjustment]})
                case "link":
                    await inventory.linked(shop, "SKU-1", items[0])
                case "link again":
                    await inventory.linked(shop, "SKU-1", items[1])
                case "sweep":
                    await inventory.connected(shop)
            if steps[0] < steps[1]:
                await inventory.run_until_idle()
        await inventory.run_until_idle()
        assert [shop.count(item) for item in items] == [None, None], steps

    assert inventory.calls(WRITE) == []


async def test_a_count_at_the_till_is_the_truth(inventory: Inventory) -> None:
    """The adjustments before it are history; those after it count."""
    shop, item = await uncounted(inventory)
    await inventory.run_until_idle()
    await inventory.adjust(shop, "SKU-1", -1)

    shop.till("recount", item=item, quantity=10)
    await inventory.changed(shop, item)
    await inventory.run_until_idle()
    assert await inventory.stock(shop, "SKU-1") == (10, 10)
    assert inventory.calls(WRITE) == []

    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()
    assert shop.count(item) == 9
    assert await lines(inventory, shop) == [(-1, None, None), (10, None, 10), (-1, 10, 9)]


async def test_a_count_here_is_the_truth_too(inventory: Inventory) -> None:
    """PUT stock counts the item, and only then is Clover written."""
    shop, item = await uncounted(inventory)
    await inventory.run_until_idle()
    await inventory.adjust(shop, "SKU-1", -1)

    assert (await inventory.ask("PUT", shop, "/stock/SKU-1", {"quantity": 5}))[0] == 200
    await inventory.run_until_idle()

    assert shop.count(item) == 5
    assert await lines(inventory, shop) == [(-1, None, None), (5, None, 5)]


async def test_an_adjustment_before_the_first_read_is_not_lost(inventory: Inventory) -> None:
    """Clover has a count that inventory has not read yet, so the adjustment is taken from it."""
    shop = await inventory.connect()
    item = str(shop.till("create_item", name="Mug", price=100, quantity=10)["id"])
    await inventory.linked(shop, "SKU-1", item)

    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    assert (shop.count(item), await inventory.stock(shop, "SKU-1")) == (9, (9, 9))
    assert await lines(inventory, shop) == [(-1, None, None), (10, None, 9)]
