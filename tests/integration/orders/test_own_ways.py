"""Clovers that keep rows otherwise than they are written: at prices or with taxes of their own, without our ids."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest
from tests.integration.orders.conftest import Orders, in_clover
from tests.integration.orders.test_edits import MUGS, POSTER, edit, shown
from tests.integration.orders.test_real_shops import put, recalculated, with_rates
from tests.support.clover import Shop

OTHERS = {
    "linked_prices": "nowhere",
    "empty_tax_rates": "defaults",
    "no_tax_applied": "adds",
    "line_user_data": "dropped",
    "bulk_lines_answer": "empty",
}
MODES = [dict(each) for count in range(len(OTHERS) + 1) for each in combinations(OTHERS.items(), count)]
BODY = {
    "number": "#7",
    "currency": "USD",
    "lines": [
        {
            "sku": "MUG", "name": "Mug", "quantity": 3, "unit_price": 1250, "discounts": [{"amount": 100}],
            "taxes": [{"name": "Sales tax", "rate": "8.875", "amount": 324}],
        },
        {"name": "Book", "unit_price": 999},
    ],
    "shipping": [{"name": "Post", "amount": 500}],
    "total": 5473,
}  # fmt: skip


async def linked_mug(orders: Orders, shop: Shop, price: int = 1400) -> None:
    """An item of another price in Clover, linked to the SKU of the order."""
    item = await shop.post("/items", {"name": "Mug in Clover", "price": price, "sku": "MUG"})
    await orders.link(shop, "MUG", item["id"])


def events(seen: Any) -> list[str]:
    return [each["event"] for each in seen["timeline"]]


@pytest.mark.parametrize("has_no_tax", [True, False], ids=["NO_TAX_APPLIED", "empty list"])
@pytest.mark.parametrize("modes", MODES, ids="-".join)
async def test_a_device_finds_what_was_charged(orders: Orders, modes: Mapping[str, str], *, has_no_tax: bool) -> None:
    """The order is paid once, to the cent, and its timeline says how Clover differs."""
    orders.clover.sandbox.switches.set(modes)
    shop = await with_rates(orders, "us", 8.875)
    if not has_no_tax:
        [none] = [each for each in shop.merchant.objects["tax_rates"] if each["name"] == "NO_TAX_APPLIED"]
        shop.merchant.objects["tax_rates"].change(none["id"], {"name": "Zero"})
    await linked_mug(orders, shop)
    assert (await put(orders, shop, BODY))[0] == 202
    await orders.settle_for(5)
    seen = await orders.seen(shop)
    [made] = in_clover(shop)
    assert (seen["state"], made.record["total"], made.record["paymentState"]) == ("paid", 5473, "PAID")
    assert recalculated(shop) == 5473
    assert [each["amount"] for each in made.payments] == [5473]
    assert sorted(line["name"] for line in made.lines) == sorted(
        [*["Mug"] * 3, "Book", "Post", *(["Tax"] if "taxes_changed" in events(seen) else [])]
    )
    assert ("items_dropped" in events(seen)) == ("linked_prices" in modes)
    adds_taxes = ("no_tax_applied" if has_no_tax else "empty_tax_rates") in modes
    assert ("taxes_changed" in events(seen)) == adds_taxes


async def test_taxes_of_a_vat_merchant_change_no_total(orders: Orders) -> None:
    """They are contained: the total stays, and the timeline says that the tax report differs."""
    orders.clover.sandbox.switches.set({"no_tax_applied": "adds"})
    shop = await with_rates(orders, "eu", 19, 7)
    body = {"number": "1", "currency": "EUR", "lines": [{"name": "Book", "unit_price": 1000}], "total": 1000}
    await put(orders, shop, body)
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert (seen["state"], recalculated(shop)) == ("paid", 1000)
    assert events(seen).count("taxes_changed") == 1
    assert (seen["sums"]["store"]["tax"], seen["sums"]["clover"]["tax"]) == (0, 160)
    assert seen["notices"] == ["The store charged €0.00 of tax; Clover calculates €1.60 within the same total."]


@pytest.mark.parametrize("answer", ["array", "elements", "order", "empty"])
async def test_edits_where_clover_drops_our_ids(orders: Orders, answer: str) -> None:
    """The changed row is removed and added, and the cashier's own row is left alone."""
    orders.clover.sandbox.switches.set({"line_user_data": "dropped", "bulk_lines_answer": answer})
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    assert await orders.state(shop) == "paid"
    before = {line["id"] for line in in_clover(shop)[0].lines if line["name"] == "Mug"}
    await edit(orders, shop, lines=[MUGS, POSTER | {"unit_price": 1099}], total=3599)
    assert shown(shop) == ([("Mug", 1250), ("Mug", 1250), ("Poster", 1099)], 3599, [3499, 100])
    assert before == {line["id"] for line in in_clover(shop)[0].lines if line["name"] == "Mug"}
    await edit(orders, shop, lines=[MUGS], total=2500, payments=[{"amount": 3599}], refunds=[{"amount": 1099}])
    assert shown(shop)[:2] == ([("Mug", 1250), ("Mug", 1250)], 2500)


async def test_goods_by_weight_are_added_where_clover_drops_our_ids(orders: Orders) -> None:
    """As a custom line they stand there at their whole price, by which the row is known."""
    orders.clover.sandbox.switches.set({"line_user_data": "dropped", "bulk_lines_answer": "empty"})
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    tea = {"sku": "TEA", "name": "Tea", "quantity": "0.34", "unit_price": 100}
    await edit(orders, shop, lines=[MUGS, POSTER, tea], total=3533)
    assert await orders.state(shop) == "paid"
    assert shown(shop) == ([("0.34 × Tea", 34), ("Mug", 1250), ("Mug", 1250), ("Poster", 999)], 3533, [3499, 34])


async def test_voiding_where_clover_drops_our_ids(orders: Orders) -> None:
    """A cancelled order that Clover keeps loses all its lines."""
    orders.clover.sandbox.switches.set({"line_user_data": "dropped", "delete_paid_order": "refuse"})
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    await orders.act(shop, "cancel")
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), made.lines, made.record["total"]) == ("held", [], 0)
