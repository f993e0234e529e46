"""Lines of orders: their fields, one by one and in bulk, their prices and taxes, and their lists."""

from typing import Any

import pytest
from tests.contract.sandbox.ordering import open_order, stocked_item
from tests.support.clover import Clover, Shop


@pytest.mark.parametrize(
    ("rows", "message"),
    [([{"name": "no price"}], "Price must not be null"), ([{"name": "n", "price": 1}] * 101, "more than 100")],
)
async def test_bad_bulk_lines_add_nothing(shop: Shop, rows: Any, message: str) -> None:
    """A row without a price or too many rows fail the whole call."""
    order = await open_order(shop)
    reply = await shop.call("POST", f"/orders/{order}/bulk_line_items", {"items": rows})

    assert reply.status == 400
    assert message in reply.body["message"]
    assert (await shop.get(f"/orders/{order}/line_items"))["elements"] == []


@pytest.mark.parametrize("line", [{}, {"name": "no price"}, {"item": {"id": "0000000000000"}}, {"item": "X"}])
async def test_a_line_needs_an_item_or_a_price(shop: Shop, line: Any) -> None:
    """A line with neither gets a 400."""
    assert (await shop.call("POST", f"/orders/{await open_order(shop)}/line_items", line)).status == 400


async def test_only_notes_of_a_line_can_change(shop: Shop) -> None:
    """Since June 2024 price and name are read-only."""
    order = await open_order(shop)
    line = await shop.post(f"/orders/{order}/line_items", {"name": "n", "price": 100})
    changed = await shop.post(f"/orders/{order}/line_items/{line['id']}", {"price": 1, "name": "x", "note": "gift"})

    assert (changed["price"], changed["name"], changed["note"]) == (100, "n", "gift")


@pytest.mark.parametrize("mode", ["array", "elements", "order", "empty"])
async def test_the_answer_of_bulk_lines_is_a_switch(clover: Clover, shop: Shop, mode: str) -> None:
    """The lines are added in every mode."""
    clover.sandbox.switches.set({"bulk_lines_answer": mode})
    order = await open_order(shop)
    answer = await shop.post(f"/orders/{order}/bulk_line_items", {"items": [{"name": "n", "price": 1}] * 2})
    lines = (await shop.get(f"/orders/{order}/line_items"))["elements"]
    said = {"array": lines, "elements": {"elements": lines}, "order": await shop.get(f"/orders/{order}"), "empty": {}}

    assert len(lines) == 2
    assert answer == said[mode]


async def test_bulk_lines_override_the_item_and_single_ones_do_not(shop: Shop) -> None:
    """Bulk lines keep the row's name and price, single ones get the item's."""
    item, order = await stocked_item(shop), await open_order(shop)
    row = {"item": {"id": item}, "name": "Gift", "price": 199}
    (bulk,) = await shop.post(f"/orders/{order}/bulk_line_items", {"items": [row]})
    single = await shop.post(f"/orders/{order}/line_items", row)

    assert [(each["name"], each["price"]) for each in (bulk, single)] == [("Gift", 199), ("Item", 250)]


async def test_the_line_cap_is_enforced(clover: Clover, shop: Shop) -> None:
    """The cap is 2,500 or 3,000 by switch."""
    order = await open_order(shop)
    for _ in range(25):
        await shop.post(f"/orders/{order}/bulk_line_items", {"items": [{"name": "n", "price": 1}] * 100})
    assert (await shop.call("POST", f"/orders/{order}/line_items", {"name": "n", "price": 1})).status == 400

    clover.sandbox.switches.set({"line_cap": "3000"})
    assert (await shop.call("POST", f"/orders/{order}/line_items", {"name": "n", "price": 1})).status == 200


@pytest.mark.parametrize(("mode", "bulk", "single"), [("bulk", 5, 9), ("everywhere", 5, 5), ("nowhere", 9, 9)])
async def test_prices_of_their_own_on_linked_items(
    clover: Clover, shop: Shop, mode: str, bulk: int, single: int
) -> None:
    """By switch, a line that names an item takes them in bulk, everywhere or nowhere."""
    clover.sandbox.switches.set({"linked_prices": mode})
    order, item = await open_order(shop), await shop.post("/items", {"name": "Mug", "price": 9})
    row = {"item": {"id": item["id"]}, "price": 5}
    [many] = await shop.post(f"/orders/{order}/bulk_line_items", {"items": [row]})
    assert (many["price"], (await shop.post(f"/orders/{order}/line_items", row))["price"]) == (bulk, single)


async def test_lines_that_are_to_have_no_tax(clover: Clover, shop: Shop) -> None:
    """By switch, an empty list of rates and the rate NO_TAX_APPLIED keep the default rates off, or not."""
    usual = await shop.post("/tax_rates", {"name": "Tax", "rate": 1_000_000, "isDefault": True})
    [none] = [each for each in shop.merchant.objects["tax_rates"] if each["name"] == "NO_TAX_APPLIED"]

    async def taxed(rates: list[str]) -> bool:
        path = f"/orders/{await open_order(shop)}/line_items"
        line = await shop.post(path, {"name": "n", "price": 9, "taxRates": [{"id": each} for each in rates]})
        shown = await shop.get(f"{path}/{line['id']}?expand=taxRates")
        return usual["id"] in [each["id"] for each in shown["taxRates"]["elements"]]

    assert not await taxed([])
    assert not await taxed([none["id"]])
    clover.sandbox.switches.set({"empty_tax_rates": "defaults", "no_tax_applied": "adds"})
    assert await taxed([])
    assert await taxed([none["id"]])


async def test_user_data_that_is_dropped(clover: Clover, shop: Shop) -> None:
    """By switch, a line keeps it or not."""
    path = f"/orders/{await open_order(shop)}/line_items"
    row = {"name": "n", "price": 9, "userData": "ours"}
    assert (await shop.post(path, row))["userData"] == "ours"
    clover.sandbox.switches.set({"line_user_data": "dropped"})
    assert "userData" not in await shop.post(path, row)


async def test_lines_are_filtered_and_ordered_like_any_list(shop: Shop) -> None:
    """The default order is that of creation; an invalid query gets a 400."""
    order = f"/orders/{await open_order(shop)}/line_items"
    lines = [(await shop.post(order, {"name": "n", "price": price}))["id"] for price in (2, 3, 1)]

    async def ids(query: str) -> list[int]:
        return [lines.index(each["id"]) for each in (await shop.get(f"{order}?{query}"))["elements"]]

    assert [await ids(query) for query in ("", "orderBy=price ASC", f"filter=id={lines[1]}", "limit=1&offset=1")] == [
        [0, 1, 2],
        [2, 0, 1],
        [1],
        [1],
    ]
    assert [(await shop.call("GET", path)).status for path in (f"{order}?filter=a=b", "/item_stocks?orderBy=id")] == [
        400,
        400,
    ]
