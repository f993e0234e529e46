"""Users met: one deleted item turned all sixty lines of its call into custom lines, so that no stock was taken.

The dead item's line alone goes as a custom line. Its link is not used again before catalog links the SKU anew.
"""

from typing import Any

import pytest
from tests.integration.orders.conftest import Orders, changed, in_clover, orders
from tests.support.clover import Shop

__all__ = ["changed", "orders"]


def lines(skus: list[str], quantity: int = 1) -> dict[str, Any]:
    rows = [{"sku": sku, "name": sku, "quantity": quantity, "unit_price": 100} for sku in skus]
    return {"lines": rows, "total": 100 * quantity * len(skus)}


async def linked(orders: Orders, shop: Shop, count: int, dead: set[int]) -> list[str]:
    """Link this many SKUs to items, some of which are deleted at the till."""
    skus = [f"S{n:02}" for n in range(count)]
    for number, sku in enumerate(skus):
        item = await shop.post("/items", {"name": sku, "price": 100, "sku": sku})
        await orders.link(shop, sku, item["id"])
        if number in dead:
            await shop.call("DELETE", f"/items/{item['id']}")
    return skus


def dropped(seen: Any) -> list[str]:
    return [each["detail"] for each in seen["timeline"] if each["event"] == "items_dropped"]


@pytest.mark.parametrize("dead", [{0}, {30}, {59}, {3, 4, 40}])
async def test_the_dead_line_alone_loses_its_item(orders: Orders, dead: set[int]) -> None:
    """All good units keep their items in the sequence of the source, and the timeline blames the dead SKU only."""
    shop = await orders.connected()
    skus = await linked(orders, shop, 60, dead)
    await orders.put(shop, **lines(skus))
    await orders.run_until_idle()
    [made] = in_clover(shop)
    seen = await orders.seen(shop)
    assert seen["state"] == "paid", seen["reason"]
    assert [line["name"] for line in made.lines] == skus
    assert [number for number, line in enumerate(made.lines) if "item" not in line] == sorted(dead)
    assert dropped(seen) == [f"Clover did not take the item of {skus[n]}." for n in sorted(dead)]


async def test_the_next_order_does_not_try_it_again(orders: Orders) -> None:
    """The link is marked: another order goes without a refusal; a new link of the SKU is used at once."""
    shop = await orders.connected()
    skus = await linked(orders, shop, 3, {1})
    await orders.put(shop, "o-1", **lines(skus))
    await orders.run_until_idle()
    before = len(orders.calls(shop))
    await orders.put(shop, "o-2", **lines(skus))
    await orders.run_until_idle()
    calls = orders.calls(shop)[before:]
    assert len([each for each in calls if each.endswith("bulk_line_items")]) == 1
    assert dropped(await orders.seen(shop, "o-2")) == []
    item = await shop.post("/items", {"name": "again", "price": 100, "sku": skus[1]})
    await orders.link(shop, skus[1], item["id"])
    await orders.put(shop, "o-3", **lines(skus))
    await orders.run_until_idle()
    assert all("item" in line for line in in_clover(shop)[-1].lines)


async def test_several_calls_and_many_units(orders: Orders) -> None:
    """In an order of several calls every unit is there once, those of the dead SKU without an item."""
    shop = await orders.connected()
    skus = await linked(orders, shop, 5, {2})
    await orders.put(shop, **lines(skus, quantity=50))
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), len(made.lines)) == ("paid", 250)
    assert {line["name"] for line in made.lines if "item" not in line} == {skus[2]}
    assert len([line for line in made.lines if "item" in line]) == 200


async def test_a_clover_that_returns_no_ids_of_rows(orders: Orders) -> None:
    """The outcome is the same where rows can only be counted."""
    shop = await orders.connected()
    skus = await linked(orders, shop, 60, {30})
    orders.clover.fail("apply_then_drop", method="POST", path=r"/bulk_line_items$", after=2, times=1)
    await orders.put(shop, **lines(skus))
    await orders.settle_for(200)
    [made] = in_clover(shop)
    assert (await orders.state(shop), sorted(line["name"] for line in made.lines)) == ("paid", skus)
