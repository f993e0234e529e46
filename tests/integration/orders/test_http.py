"""The API: accepted and refused orders, and how an order is shown."""

from typing import Any

import pytest
from tests.integration.orders.conftest import ADA, Orders, order

from common.contracts.orders import OrderCancelled, OrderCompleted

MUG = {"sku": "MUG", "name": "Mug", "quantity": 2, "unit_price": 1250}


async def test_the_same_order_again_changes_nothing(orders: Orders) -> None:
    """A repeat answers 200 and is not sent again; not even the zone in which a moment is written matters."""
    shop = await orders.connected()
    assert (await orders.put(shop, customer=ADA))[0] == 202
    await orders.run_until_idle()
    status, body = await orders.put(shop, customer=ADA, placed_at="2026-11-23T09:00:00Z")
    assert (status, body["state"]) == (200, "paid")
    assert await orders.fetch("SELECT FROM work WHERE kind = 'push_order'") == []


@pytest.mark.parametrize(
    ("other", "fields"),
    [
        ({"number": "#1002"}, ["number"]),
        ({"lines": [MUG], "total": 2500}, ["lines", "total"]),
        ({"customer": ADA | {"first_name": "Eve"}}, ["customer"]),
        ({"placed_at": "2026-11-23T10:00:01+01:00"}, ["placed_at"]),
    ],
)
async def test_another_order_under_a_known_id(orders: Orders, other: dict[str, Any], fields: list[str]) -> None:
    """Once the order is in Clover it is refused with the names of what differs, and the stored order stays."""
    shop = await orders.connected()
    await orders.put(shop, customer=ADA)
    await orders.run_until_idle()
    status, body = await orders.put(shop, **({"customer": ADA} | other))
    assert (status, body["type"]) == (409, "urn:quicksync:problem:order_differs")
    assert [each["field"] for each in body["errors"]] == fields
    assert "Eve" not in str(body)
    assert (await orders.seen(shop))["number"] == "#1001"


async def test_a_total_that_does_not_add_up(orders: Orders) -> None:
    """It is refused with our sum and theirs, and nothing is stored."""
    shop = await orders.connected()
    status, body = await orders.put(shop, total=3500)
    assert (status, body["errors"][0]["field"]) == (422, "total")
    assert body["errors"][0]["problem"] == "is 3500, the lines come to 3499"
    assert await orders.fetch("SELECT FROM source_order") == []


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"lines": []}, "lines"),
        ({"lines": [MUG | {"quantity": 0}]}, "lines.0.quantity"),
        ({"lines": [MUG | {"quantity": 10_000_000}]}, "lines.0.quantity"),
        ({"lines": [MUG | {"quantity": 1.5}]}, "lines.0.quantity"),
        ({"lines": [MUG | {"unit_price": -1}]}, "lines.0.unit_price"),
        ({"lines": [MUG | {"unit_price": 1e308}]}, "lines.0.unit_price"),
        ({"lines": [MUG] * 5001}, "lines"),
        ({"lines": [MUG | {"quantity": -1}]}, "lines.0.quantity"),
        ({"lines": [MUG | {"quantity": "0.0"}]}, "lines.0.quantity"),
        ({"lines": [{"sku": "MUG", "quantity": 1}]}, "lines.0"),
        ({"lines": [MUG | {"taxes": [{"amount": 1, "rate": 101}]}]}, "lines.0.taxes.0.rate"),
        ({"lines": [MUG] * 10_000}, "lines"),
        ({"lines": [MUG | {"name": "a\x00b"}]}, "lines.0.name"),
        ({"total": 0}, "total"),
        ({"currency": "EUR"}, "currency"),
        ({"placed_at": "2026-11-23T10:00:00"}, "placed_at"),
        ({"placed_at": "0001-01-01T00:00:00+14:00"}, "placed_at"),
        ({"placed_at": "1795773600"}, "placed_at"),
        ({"number": "x" * 41}, "number"),
        ({"number": ""}, "number"),
        ({"customer": ADA | {"email": "x" * 256}}, "customer.email"),
        ({"gift": True}, "gift"),
    ],
)
async def test_bad_orders_are_refused_by_field(orders: Orders, other: dict[str, Any], field: str) -> None:
    """Each mistake is answered 422 with its field named, and nothing is stored."""
    shop = await orders.connected()
    status, body = await orders.put(shop, **other)
    assert status == 422
    assert field in [each["field"] for each in body["errors"]]
    assert await orders.fetch("SELECT FROM source_order") == []


async def test_texts_of_any_language(orders: Orders) -> None:
    """Emoji and right-to-left text pass through, cut to what Clover takes."""
    shop = await orders.connected()
    line = {"sku": "كوب", "name": "كوب ☕ " + "🎁" * 200, "quantity": 1, "unit_price": 700}
    await orders.put(shop, lines=[line], total=700, number="№ ١٢")
    await orders.run_until_idle()
    assert await orders.state(shop) == "paid"


async def test_unknown_merchants_and_orders(orders: Orders) -> None:
    """Every operation answers 404 for an unknown merchant or order."""
    shop = await orders.connected()
    elsewhere = "/v1/merchants/N0B0DYKN0WS00/orders"
    assert (await orders.call("PUT", f"{elsewhere}/o-1", order(shop)))[0] == 404
    assert (await orders.call("GET", elsewhere))[0] == 404
    assert (await orders.call("GET", orders.path(shop, "o-9")))[0] == 404
    for what in ("complete", "cancel", "retry", "fulfillments"):
        assert (await orders.act(shop, what, "o-9"))[0] == 404


async def test_an_id_with_other_characters_is_refused(orders: Orders) -> None:
    """Ids are identifiers: spaces and addresses are refused before anything is stored under them."""
    shop = await orders.connected()
    assert (await orders.put(shop, "ada@example.com"))[0] == 422
    assert (await orders.put(shop, "gid:%2F%2Fshopify%2FOrder%2F1"))[0] == 202


async def test_orders_are_listed_by_state_page_by_page(orders: Orders) -> None:
    """The cursor leads through all orders in order of arrival; a state shows only its own."""
    shop = await orders.connected(order_type=False)
    for number in range(5):
        await orders.put(shop, f"o-{number}")
    await orders.run_until_idle()
    await orders.act(shop, "cancel", "o-3")
    found, cursor = [], 0
    while cursor is not None:
        _, page = await orders.call("GET", f"{orders.path(shop)}?limit=2&cursor={cursor}")
        found += [each["source_id"] for each in page["orders"]]
        cursor = page["next"]
    assert found == [f"o-{number}" for number in range(5)]
    for state, expected in {"held": 4, "cancelled": 1, "ready": 0, "paid": 0}.items():
        _, page = await orders.call("GET", f"{orders.path(shop)}?state={state}")
        assert len(page["orders"]) == expected, state
    assert (await orders.call("GET", f"{orders.path(shop)}?state=lost"))[0] == 422


async def test_a_held_order_says_what_to_do(orders: Orders) -> None:
    """It shows the problem, the remedy and its timeline."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop)
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert "Setup → Order Types" in seen["problem"]["remedy"]
    said = [(entry["event"], entry["detail"]) for entry in seen["timeline"]]
    assert said == [("received", ""), ("held", "order_type_missing")]
    await orders.act(shop, "retry")
    await orders.run_until_idle()
    assert len((await orders.seen(shop))["timeline"]) == 2  # it was looked for in vain, and holds the order as before
    orders.add_order_type(shop)
    await orders.recheck(shop)
    await orders.run_until_idle()
    events = [(entry["event"], entry["detail"]) for entry in (await orders.seen(shop))["timeline"]]
    assert events[1:3] == [("held", "order_type_missing"), ("resumed", "order_type_missing")]


async def test_a_rejected_order_is_held_by_its_rejection(orders: Orders) -> None:
    """The timeline does not say the same thing twice."""
    shop = await orders.connected()
    orders.clover.fail("refuse", status=400, method="POST", path=r"/orders$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    await orders.act(shop, "retry")
    await orders.run_until_idle()
    events = [entry["event"] for entry in (await orders.seen(shop))["timeline"]]
    assert events[:5] == ["received", "create_sent", "send_refused", "rejected", "retried"]


async def test_the_timeline_of_a_paid_order(orders: Orders) -> None:
    """Each event is listed with its time."""
    shop = await orders.connected()
    await orders.put(shop, customer=ADA)
    await orders.run_until_idle()
    events = [entry["event"] for entry in (await orders.seen(shop))["timeline"]]
    assert events == ["received", "create_sent", "created", "lines_added", "customer_set", "payment_added", "paid"]


async def test_the_names_of_other_stores(orders: Orders) -> None:
    """A field under the name that another API gives it is refused, and the remedy names ours."""
    shop = await orders.connected()
    line = {"title": "Mug", "price": "12.50", "qty": 1, "unit_price": 1250, "tax_lines": []}
    taxes = [{"title": "VAT", "percentage": "19", "amount": 1}]
    other: dict[str, Any] = {
        "lines": [line],
        "taxes": taxes,
        "line_items": [],
        "created_at": "2026-11-23",
        "customer_note": "x",
    }
    status, body = await orders.put(shop, **other)
    assert status == 422
    found = {each["field"]: each["remedy"] for each in body["errors"]}
    names = {
        "lines.0.title": "name", "lines.0.price": "unit_price", "lines.0.qty": "quantity", "lines.0.tax_lines": "taxes",
        "taxes.0.title": "name", "taxes.0.percentage": "rate",
        "line_items": "lines", "created_at": "placed_at", "customer_note": "note",
    }  # fmt: skip
    assert found == {field: f"Send it as `{name}`, if that is meant." for field, name in names.items()}


@pytest.mark.parametrize(
    ("other", "field", "said"),
    [
        ({"taxes": [{"rate": "0.08875", "amount": 311}], "total": 3810}, "taxes.0.rate", "Send `8.875`."),
        ({"discounts": [{"amount": -100}]}, "discounts.0.amount", "must not be negative; discounts"),
        ({"total": "3499"}, "total", 'such as "12.50"'),
        ({"placed_at": "2026-11-23T10:00:00"}, "placed_at", "timezone"),
        ({"placed_at": 1796009131}, "placed_at", "must be a text such as"),
        ({"lines": [{"name": "Mug", "quantity": 0, "unit_price": 1}]}, "lines.0.quantity", "more than 0"),
    ],
)
async def test_how_other_stores_write_values(orders: Orders, other: dict[str, Any], field: str, said: str) -> None:
    """The answer names the field and what to send."""
    shop = await orders.connected()
    status, body = await orders.put(shop, **other)
    [fault] = [each for each in body["errors"] if each["field"] == field]
    assert status == 422
    assert said in f"{fault['problem']} {fault['remedy']}"


async def test_fulfilments_are_refused_with_the_reason(orders: Orders) -> None:
    """Clover cannot ship updates back, and the answer says so in the words of the FAQ."""
    shop = await orders.connected()
    await orders.put(shop)
    status, body = await orders.call("POST", f"{orders.path(shop, 'o-1')}/fulfillments", {"tracking": "1Z"})
    assert (status, body["type"]) == (422, "urn:quicksync:problem:clover_cannot_ship_updates")
    assert "Clover cannot send shipping updates back to your source store" in body["detail"]


async def test_another_merchants_token_sees_nothing(orders: Orders) -> None:
    """A token for one merchant opens no other."""
    shop, other = await orders.connected(), await orders.connected()
    await orders.put(shop)
    for merchant, status in ((shop, 200), (other, 404)):
        path = orders.path(shop, "o-1")
        assert (await orders.call("GET", path, merchants=[merchant.merchant.id]))[0] == status
    assert (await orders.call("GET", orders.path(shop), scope="products:read"))[0] == 403


async def test_events_name_the_order(orders: Orders) -> None:
    """The events of completion and cancellation carry the order's ids."""
    shop = await orders.connected()
    await orders.put(shop, "o-1")
    await orders.put(shop, "o-2")
    await orders.run_until_idle()
    await orders.act(shop, "complete", "o-1")
    await orders.act(shop, "cancel", "o-2")
    await orders.run_until_idle()
    [completed], [cancelled] = await orders.emitted(OrderCompleted), await orders.emitted(OrderCancelled)
    assert (completed.source_id, cancelled.source_id) == ("o-1", "o-2")
    assert completed.clover_order_id != cancelled.clover_order_id
