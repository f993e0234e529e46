"""Users met: a product was accepted while Clover was away, and an order of it went as a custom line without stock.

An order waits a stated while for a product that is on its way. A merchant that catalog knows is known here too.
"""

from tests.integration.orders.conftest import Orders, changed, in_clover, order, orders

__all__ = ["changed", "orders"]


async def test_the_order_takes_the_item_once_it_is_there(orders: Orders) -> None:
    """It shows what it waits for, is attempted again soon, and names the item of the link that arrives."""
    shop = await orders.connected()
    orders.catalog.links["MUG"] = {"state": "pending"}
    await orders.put(shop, "waits")
    await orders.put(shop, "goes", lines=[{"sku": "PIN", "name": "Pin", "quantity": 1, "unit_price": 5}], total=5)
    await orders.run_until_idle()
    seen = await orders.seen(shop, "waits")
    assert (seen["state"], seen["problem"]) == ("ready", None)
    assert seen["reason"] == "It waits until these products are in Clover: MUG."
    assert seen["next_attempt_at"] is not None
    assert await orders.state(shop, "goes") == "paid"
    await orders.settle_for(120)
    item = await shop.post("/items", {"name": "Mug", "price": 1, "sku": "MUG"})
    await orders.link(shop, "MUG", item["id"])
    await orders.settle_for(20)
    assert [line.get("item") for line in in_clover(shop)[-1].lines] == [{"id": item["id"]}] * 2 + [None]
    assert (await orders.seen(shop, "waits"))["reason"] is None


async def test_a_link_whose_event_is_late(orders: Orders) -> None:
    """The answer of catalog is enough."""
    shop = await orders.connected()
    item = await shop.post("/items", {"name": "Mug", "price": 1, "sku": "MUG"})
    link = {"item_id": item["id"], "sku": "MUG", "product_id": "p-1", "version": 7, "linked": True}
    orders.catalog.links["MUG"] = {"state": "linked", "link": link}
    await orders.put(shop)
    await orders.run_until_idle()
    assert [line.get("item") for line in in_clover(shop)[0].lines] == [{"id": item["id"]}] * 2 + [None]


async def test_it_does_not_wait_for_ever(orders: Orders) -> None:
    """After ten minutes it goes as a custom line: what was sold is sold."""
    shop = await orders.connected()
    orders.catalog.links["MUG"] = {"state": "pending"}
    await orders.put(shop)
    await orders.settle_for(590)
    assert in_clover(shop) == []
    await orders.settle_for(30)
    assert await orders.state(shop) == "paid"


async def test_a_deleted_item_is_not_on_its_way(orders: Orders) -> None:
    """Only a person brings it back, so the order goes at once, its line as a custom line."""
    shop = await orders.connected()
    orders.catalog.links["MUG"] = {"state": "pending", "was_deleted": True}
    await orders.put(shop)
    await orders.run_until_idle()
    assert await orders.state(shop) == "paid"


async def test_catalog_does_not_answer(orders: Orders) -> None:
    """The order waits until catalog answers, as its product may be on its way."""
    shop = await orders.connected()
    orders.catalog.is_down = True
    await orders.put(shop)
    await orders.settle_for(60)
    assert (in_clover(shop), await orders.state(shop)) == ([], "ready")
    orders.catalog.is_down = False
    await orders.settle_for(20)
    assert await orders.state(shop) == "paid"


async def test_a_waiting_order_is_cancelled_and_corrected(orders: Orders) -> None:
    """Neither waits for the product."""
    shop = await orders.connected()
    orders.catalog.links["MUG"] = {"state": "pending"}
    await orders.put(shop, "o-1")
    await orders.put(shop, "o-2")
    await orders.run_until_idle()
    assert (await orders.act(shop, "cancel", "o-1"))[0] == 200
    pin = {"sku": "PIN", "name": "Pin", "quantity": 1, "unit_price": 5}
    assert (await orders.put(shop, "o-2", lines=[pin], total=5))[0] == 202
    await orders.run_until_idle()
    assert [each.record["total"] for each in in_clover(shop)] == [5]


async def test_a_merchant_that_only_catalog_knows(orders: Orders) -> None:
    """An order is accepted at once after connecting; 503 while catalog does not answer, 404 if it knows nothing."""
    shop = orders.clover.open_shop("us")
    merchant = shop.merchant
    path = orders.path(shop, "o-1")
    assert (await orders.call("PUT", path, order(shop)))[0] == 404
    orders.catalog.is_down = True
    assert (await orders.call("PUT", path, order(shop)))[0] == 503
    orders.catalog.is_down = False
    orders.catalog.merchants[merchant.id] = {
        "merchant_id": merchant.id,
        "version": 1,
        "account_id": "acc-1",
        "region": "us",
        "currency": "USD",
        "timezone": "America/New_York",
    }
    assert (await orders.call("GET", orders.path(shop)))[0] == 200
    assert (await orders.call("PUT", path, order(shop)))[0] == 202
