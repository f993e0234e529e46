"""Links and merchants whose events arrive in another order, late or twice, and the erasure of customers."""

from datetime import timedelta
from typing import Any

from tests.integration.orders.conftest import Orders, in_clover
from tests.support.clover import Shop
from tests.support.versions import next_version

from common.contracts.catalog import MerchantConnected, MerchantDisconnected, ProductLinked, ProductUnlinked
from orders import store

CUSTOMER = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"}
OLD, NEW = "0LD0000000001", "NEW0000000001"


def merchant(shop: Shop) -> dict[str, Any]:
    return {
        "merchant_id": shop.merchant.id,
        "version": next_version(),
        "account_id": "acc-1",
        "region": "us",
        "currency": "USD",
        "timezone": "UTC",
    }


async def item_of(orders: Orders, shop: Shop) -> str | None:
    async with orders.service.database.connection() as conn:
        return (await store.links.find(conn, shop.merchant.id, ["MUG"])).get("MUG")


async def test_the_newest_link_is_used(orders: Orders) -> None:
    """Late events change nothing, and an unlinked item is not used."""
    shop = await orders.connected()
    link: dict[str, Any] = {"merchant_id": shop.merchant.id, "product_id": "p", "sku": "MUG"}
    await orders.deliver(ProductLinked(**link, item_id=NEW, version=3))
    assert await item_of(orders, shop) == NEW
    await orders.deliver(ProductLinked(**link, item_id=OLD, version=1))
    assert await item_of(orders, shop) == NEW
    await orders.deliver(ProductUnlinked(**link, item_id=OLD, version=2, replaced_by=NEW))
    await orders.deliver(ProductUnlinked(**link, item_id=NEW, version=4))
    assert await item_of(orders, shop) is None
    await orders.deliver(ProductLinked(**link, item_id=NEW, version=3))
    assert await item_of(orders, shop) is None


async def test_a_broken_link_is_used_again_once_it_is_newer(orders: Orders) -> None:
    """A repeat of the same link leaves it broken."""
    shop = await orders.connected()
    link: dict[str, Any] = {"merchant_id": shop.merchant.id, "product_id": "p", "sku": "MUG", "item_id": OLD}
    await orders.deliver(ProductLinked(**link, version=1))
    async with orders.service.database.unit() as unit:
        await store.links.mark_broken(unit.conn, shop.merchant.id, "MUG", OLD)
    await orders.deliver(ProductLinked(**link, version=1))
    assert await item_of(orders, shop) is None
    await orders.deliver(ProductLinked(**link, version=2))
    assert await item_of(orders, shop) == OLD


async def test_customers_are_erased_on_request(orders: Orders) -> None:
    """An order that is still to be sent goes without its customer, and one that came after the request keeps its own.

    The event of the request arrives after that of the next connection.
    """
    shop = await orders.connected(order_type=False)
    await orders.put(shop, "o-1", number="#1", customer=CUSTOMER)
    await orders.run_until_idle()
    requested = MerchantDisconnected(**merchant(shop), erase_before=orders.clock.now() + timedelta(seconds=1))
    orders.clock.advance(60)
    await orders.put(shop, "o-2", number="#2", customer=CUSTOMER)
    await orders.deliver(MerchantConnected(**merchant(shop)))

    await orders.deliver(requested)

    rows = await orders.fetch("SELECT source_id, customer IS NULL AS erased FROM source_order ORDER BY arrival")
    assert [tuple(row) for row in rows] == [("o-1", True), ("o-2", False)]
    orders.add_order_type(shop)
    await orders.settle_for(60)
    assert [await orders.state(shop, each) for each in ("o-1", "o-2")] == ["paid", "paid"]
    found = {each.record["title"].rpartition("#")[2]: len(each.customers) for each in in_clover(shop)}
    assert found == {"1": 0, "2": 1}


async def test_an_erased_order_that_is_sent_again(orders: Orders) -> None:
    """It is the same order; the customer and the note are neither compared nor stored, not with a correction either."""
    shop = await orders.connected(order_type=False)
    given: dict[str, Any] = {"number": "#1", "customer": CUSTOMER, "note": "Leave it with Zacanaria"}
    await orders.put(shop, "o-1", **given)
    erase = orders.clock.now() + timedelta(seconds=1)
    await orders.deliver(MerchantDisconnected(**merchant(shop), erase_before=erase))
    await orders.deliver(MerchantConnected(**merchant(shop)))
    assert (await orders.put(shop, "o-1", **given))[0] == 200
    assert (await orders.put(shop, "o-1", **given | {"number": "#1-A"}))[0] == 202
    orders.add_order_type(shop)
    await orders.settle_for(60)
    [made] = in_clover(shop)
    assert (made.customers, made.record["note"], made.record["title"]) == ([], "QuickSync order o-1", "shopify #1-A")
    assert (await orders.put(shop, "o-1", **given | {"number": "#1-A"}))[0] == 200
    [row] = await orders.fetch("SELECT customer FROM source_order")
    assert row["customer"] is None
