"""Users met: two stores sent orders with the same id; the second was refused, and its cancel deleted the first's.

Channel, store and source id identify an order. No store reaches the order of another.
"""

from typing import Any

import pytest
from tests.integration.orders.conftest import ADA, Orders, changed, in_clover, orders

from common.contracts.orders import OrderCancelled, OrderSynced

__all__ = ["changed", "orders"]

MUGS, CUPS = {"channel": "shopify", "store": "mugs.example"}, {"channel": "shopify", "store": "cups.example"}
OTHER = {"channel": "woo", "store": "mugs.example"}
STORES = (MUGS, CUPS, OTHER)


def query(store: dict[str, str]) -> str:
    return f"?channel={store['channel']}&store={store['store']}"


async def both(orders: Orders, **more: Any) -> Any:
    """Three stores send an order 1001 each, all different."""
    shop = await orders.connected(**more)
    for number, store in enumerate(STORES, start=1):
        line = {"sku": "MUG", "name": "Mug", "quantity": number, "unit_price": 100}
        sent = {"channel": store, "number": f"#{number}", "lines": [line], "total": 100 * number, "customer": ADA}
        assert (await orders.put(shop, "1001", **sent))[0] == 202
        assert (await orders.put(shop, "1001", **sent))[0] == 200
    return shop


async def test_each_store_has_its_own_order(orders: Orders) -> None:
    """All are in Clover under references of their own, and lists and events name their stores."""
    shop = await both(orders)
    await orders.run_until_idle()
    assert sorted(each.record["total"] for each in in_clover(shop)) == [100, 200, 300]
    assert len({each.record["externalReferenceId"] for each in in_clover(shop)}) == 3
    _, page = await orders.call("GET", orders.path(shop))
    assert [each["channel"] for each in page["orders"]] == list(STORES)
    emitted = await orders.emitted(OrderSynced)
    assert sorted((each.channel, each.store, each.total) for each in emitted) == [
        ("shopify", "cups.example", 200),
        ("shopify", "mugs.example", 100),
        ("woo", "mugs.example", 300),
    ]


async def test_the_id_alone_is_ambiguous(orders: Orders) -> None:
    """A request that does not name the store is refused with the parameters and the stores, and changes nothing."""
    shop = await both(orders)
    for method, what in (("GET", ""), ("POST", "/complete"), ("POST", "/cancel"), ("POST", "/retry")):
        for address in ("", "?channel=shopify", "?store=mugs.example"):
            status, body = await orders.call(method, orders.path(shop, "1001") + what + address)
            assert (status, body["type"]) == (409, "urn:quicksync:problem:ambiguous_order"), what
            assert {each["field"] for each in body["errors"]} == {"channel", "store"}
            assert "mugs.example" in body["errors"][0]["remedy"]
    await orders.run_until_idle()
    assert len(in_clover(shop)) == 3


async def test_a_store_reaches_its_own_order_only(orders: Orders) -> None:
    """Cancel, complete, retry and read act on the order of the store named; a store without this order gets 404."""
    shop = await both(orders)
    await orders.run_until_idle()
    assert (await orders.call("POST", orders.path(shop, "1001") + "/cancel" + query(CUPS)))[0] == 202
    assert (await orders.call("POST", orders.path(shop, "1001") + "/complete" + query(OTHER)))[0] == 202
    await orders.run_until_idle()
    states = [(await orders.call("GET", orders.path(shop, "1001") + query(each)))[1]["state"] for each in STORES]
    assert states == ["paid", "cancelled", "done"]
    assert [each.record["total"] for each in in_clover(shop, deleted=True)] == [200]
    [cancelled] = await orders.emitted(OrderCancelled)
    assert (cancelled.channel, cancelled.store) == ("shopify", "cups.example")
    for method, what in (("GET", ""), ("POST", "/complete"), ("POST", "/cancel"), ("POST", "/retry")):
        for address in ("?store=else.example", "?channel=amazon", "?channel=woo&store=cups.example"):
            assert (await orders.call(method, orders.path(shop, "1001") + what + address))[0] == 404


async def test_a_correction_reaches_its_own_order_only(orders: Orders) -> None:
    """While the orders wait, a correction of one leaves the others as they are."""
    shop = await both(orders, order_type=False)
    await orders.run_until_idle()
    line = {"sku": "MUG", "name": "Mug", "quantity": 9, "unit_price": 100}
    assert (await orders.put(shop, "1001", channel=CUPS, lines=[line], total=900))[0] == 202
    totals = [(await orders.call("GET", orders.path(shop, "1001") + query(each)))[1]["total"] for each in STORES]
    assert totals == [100, 900, 300]


async def test_one_order_needs_no_store(orders: Orders) -> None:
    """An id that only one store uses is found with and without its store, never with another."""
    shop = await orders.connected()
    await orders.put(shop, "7")
    for address, status in (("", 200), (query(MUGS), 200), (query(CUPS), 404)):
        assert (await orders.call("GET", orders.path(shop, "7") + address))[0] == status


@pytest.mark.parametrize("region", ["eu", "us"])
async def test_a_store_named_like_its_customer(orders: Orders, region: str) -> None:
    """Outside the US personal details leave the stored text; two such stores stay two, each found by its real name."""
    shop = await orders.connected(region)
    numbers = {"ada": "A-1", "bob": "B-1"}
    for name, number in numbers.items():
        store = {"channel": "shopify", "store": f"{name}@shop.example"}
        assert (await orders.put(shop, "1", channel=store, number=number))[0] == 202
        assert (await orders.put(shop, "1", channel=store, number=number))[0] == 200
    for name, number in numbers.items():
        path = f"{orders.path(shop, '1')}?store={name}%40shop.example"
        assert (await orders.call("GET", path))[1]["number"] == number
