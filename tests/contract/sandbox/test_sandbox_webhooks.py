"""Webhooks: which events are sent, under which keys, and of what an app may read."""

from typing import Any

import pytest
from tests.contract.sandbox.receiver import Receiver, settled, subscribe
from tests.support.clover import Clover, Shop


async def test_a_sale_sends_order_payment_and_item_events(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """Our own stock write also causes an event."""
    item = shop.till("create_item", name="Soup", price=1, quantity=5)["id"]
    await subscribe(clover, receiver)
    sale = shop.till("sell", item=item)
    await shop.post(f"/item_stocks/{item}", {"quantity": 9})
    await settled(clover)

    events = receiver.events()
    assert {f"CREATE O:{sale['order']}", f"UPDATE O:{sale['order']}", f"CREATE P:{sale['payment']}"} <= set(events)
    assert events.count(f"UPDATE I:{item}") == 2


@pytest.mark.parametrize(
    ("switches", "keys"),
    [
        ({}, ["I", "I", "I"]),
        ({"sale_tells_item": "no"}, ["I", "I"]),
        ({"webhook_stock_keys": "split"}, ["IS", "IA"]),
        ({"webhook_stock_keys": "split", "sale_tells_stock": "yes"}, ["IS", "IA", "IS"]),
    ],
)
async def test_stock_events_have_the_keys_of_the_mode(
    clover: Clover, shop: Shop, receiver: Receiver, switches: dict[str, str], keys: list[str]
) -> None:
    """A write makes the item available, then a sale follows; a switch per mode decides about events of sales."""
    item = shop.till("create_item", name="Soup", price=1, autoManage=True, quantity=0)["id"]
    clover.sandbox.switches.set(switches)
    await subscribe(clover, receiver)
    await shop.post(f"/item_stocks/{item}", {"quantity": 9})
    shop.till("sell", item=item)
    await settled(clover)

    stock_events = [event for event in receiver.events() if event.endswith(item)]
    assert stock_events == [f"UPDATE {key}:{item}" for key in keys]


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ({"price": 5}, ["I"]),
        ({"available": False}, ["IA"]),
        ({"available": True}, []),
        ({"available": False, "price": 5}, ["I", "IA"]),
        ({"autoManage": True}, ["I", "IA"]),
    ],
)
async def test_split_keys_separate_attributes_and_availability(
    clover: Clover, shop: Shop, receiver: Receiver, body: dict[str, Any], keys: list[str]
) -> None:
    """Split keys send I for attributes and IA for availability; otherwise both send I."""
    item = shop.till("create_item", name="Soup", price=1, quantity=0)["id"]
    await subscribe(clover, receiver, mode="split")
    await shop.post(f"/items/{item}", body)
    await settled(clover)

    assert receiver.events() == [f"UPDATE {key}:{item}" for key in keys]


async def test_a_sale_below_the_threshold_sends_the_count(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """The event comes once, when the count falls below; lowStock finds the item."""
    item = (await shop.post("/items", {"name": "Soup", "price": 1, "sku": "S"}))["id"]
    await shop.post(f"/item_stocks/{item}", {"quantity": 5, "stockAlertThreshold": 4})
    await subscribe(clover, receiver, mode="split")
    low = []
    for _ in range(3):
        shop.till("sell", sku="S")
        low.append(len((await shop.get("/items?filter=lowStock=true"))["elements"]))
    await settled(clover)

    assert (await shop.get(f"/item_stocks/{item}"))["stockAlertThreshold"] == 4
    assert low == [0, 1, 1]
    assert [event for event in receiver.events() if event.endswith(item)] == [f"UPDATE IS:{item}"]


async def test_deletion_and_uninstallation_send_events(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """Both send a DELETE event."""
    order = await shop.post("/orders", {"state": "open"})
    await subscribe(clover, receiver)
    await shop.call("DELETE", f"/orders/{order['id']}")
    await clover.control("POST", f"/merchants/{shop.merchant.id}/till/uninstall_app")
    await settled(clover)

    assert receiver.events() == [f"DELETE O:{order['id']}", f"DELETE A:{clover.sandbox.world.app.id}"]


@pytest.mark.parametrize(
    ("permission", "key"), [("INVENTORY_R", "I"), ("ORDERS_R", "O"), ("CUSTOMERS_R", "C"), ("MERCHANT_R", "M")]
)
async def test_the_app_receives_events_it_may_read(
    clover: Clover, receiver: Receiver, permission: str, key: str
) -> None:
    """Each key needs its read permission; the app's own removal always sends an event."""
    shop = clover.open_shop(permissions={permission, "CUSTOMERS_W"})
    await subscribe(clover, receiver)
    shop.till("create_item", name="Soup", price=1, sku="S")
    shop.till("open_order", sku="S")
    shop.till("edit_properties", timezone="UTC")
    await shop.post("/customers", {"firstName": "Ada"})
    await clover.control("POST", f"/merchants/{shop.merchant.id}/till/uninstall_app")
    await settled(clover)

    assert {event.split()[1].split(":")[0] for event in receiver.events()} == {key, "A"}


async def test_no_events_without_the_app(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """Events resume with the next installation and its permissions."""
    path = f"/merchants/{shop.merchant.id}/till"
    await clover.control("POST", f"{path}/uninstall_app")
    await subscribe(clover, receiver)
    shop.till("create_item", name="Soup", price=1, sku="S")
    wrong = await clover.control("POST", f"{path}/install_app", {"permissions": "ORDERS_R"})
    made = await clover.control("POST", f"{path}/install_app", {"permissions": ["ORDERS_R", "MERCHANT_R"]})
    sale = shop.till("open_order", sku="S")
    await settled(clover)

    opened = Shop(shop.merchant, made.body["token"], shop.url, shop.http)
    assert wrong.status == 400
    assert receiver.events()[:2] == [f"CREATE A:{clover.sandbox.world.app.id}", f"CREATE O:{sale['order']}"]
    assert {event.split()[1][0] for event in receiver.events()} == {"A", "O"}
    assert [(await opened.call("GET", path)).status for path in ("/orders", "/items")] == [200, 401]


async def test_order_types_send_no_events(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """Creating one sends no event."""
    await subscribe(clover, receiver)
    shop.till("create_order_type", label="QuickSync")

    assert clover.sandbox.webhooks.waiting() == 0
    assert receiver.posts == []
