"""The amounts of sales: of lines after all discounts, with tax, tips and what else was paid apart."""

from typing import Any

import pytest
from tests.integration.orders.conftest import Orders
from tests.integration.orders.till import Till, open_till

from common.contracts.orders import PosSaleRecorded


@pytest.fixture
async def till(orders: Orders) -> Till:
    return await open_till(orders)


async def _rung_up(till: Till, *, tax: int = 0, percent: int = 0, off: int = 0, charge: bool = False) -> Any:
    """Ring up tea with sugar (+50), and cake with a line discount of 10 %, beside what an order can add to them."""
    shop = till.shop
    if tax:
        await shop.post("/tax_rates", {"name": "Tax", "rate": tax, "isDefault": True})
    group = await shop.post("/modifier_groups", {"name": "Extras"})
    sugar = await shop.post(f"/modifier_groups/{group['id']}/modifiers", {"name": "Sugar", "price": 50})
    opened = shop.till("open_order", lines=[{"item": till.tea}, {"item": till.cake}])
    path, (tea, cake) = f"/orders/{opened['order']}", opened["lines"]
    await shop.post(f"{path}/line_items/{tea}/modifications", {"modifier": {"id": sugar["id"]}})
    await shop.post(f"{path}/line_items/{cake}/discounts", {"name": "Old", "percentage": 10})
    if percent:
        await shop.post(f"{path}/discounts", {"name": "Club", "percentage": percent})
    if off:
        await shop.post(f"{path}/discounts", {"name": "Voucher", "amount": -off})
    if charge:
        offered = await shop.get("/default_service_charge")
        await shop.post(f"{path}/service_charge", {**offered, "percentageDecimal": 100000, "enabled": True})
    shop.till("recalculate", order=opened["order"])
    return opened


@pytest.mark.parametrize(
    ("added", "lines", "tax", "other", "calls"),
    [
        ({}, [350, 405], 0, 0, 2),
        ({"tax": 825000}, [350, 405], 62, 0, 2),
        ({"percent": 20}, [280, 324], 0, 0, 3),
        ({"off": 100, "tax": 1000000}, [304, 351], 66, 0, 3),
        ({"charge": True}, [350, 405], 0, 76, 3),
    ],
    ids=["rows", "tax", "percent", "amount and tax", "service charge"],
)
async def test_amounts_of_lines_have_modifications_discounts_and_taxes_apart(
    till: Till, added: Any, lines: list[int], tax: int, other: int, calls: int
) -> None:
    """They add up to what was paid. Details are read only where prices do not come to the total."""
    opened = await _rung_up(till, **added)
    till.shop.till("pay_order", order=opened["order"], tip=120)
    before = len(till.orders.calls(till.shop))
    await till.deliver()

    [event] = await till.sales()
    amounts = {each.item_id: each.amount for each in event.lines}
    assert [amounts[till.tea], amounts[till.cake]] == lines
    assert (event.added_tax, event.contained_tax, event.tips, event.other) == (tax, 0, 120, other)
    assert len(till.orders.calls(till.shop)) - before == calls
    assert await till.sums() == till.truth()


async def test_a_refund_has_its_share_of_discounts_and_taxes(till: Till) -> None:
    """The refund of a row takes back its amount and tax; one of money alone is for nothing that was sold."""
    opened = await _rung_up(till, off=100, tax=1000000)
    till.shop.till("pay_order", order=opened["order"])
    await till.deliver()
    till.shop.till("refund", order=opened["order"], lines=[opened["lines"][1]])
    await till.deliver()
    till.shop.till("refund", order=opened["order"], lines=[], amount=34)
    await till.deliver()

    cake, money = await till.refunds()
    assert [(each.item_id, each.amount) for each in cake.lines] == [(till.cake, 351)]
    assert (cake.amount, cake.added_tax, cake.other) == (387, 36, 0)
    assert (money.amount, money.added_tax, money.other, money.lines) == (34, 0, 34, [])
    assert await till.sums() == till.truth()


async def test_prices_with_tax_name_the_tax_in_them(orders: Orders) -> None:
    """A VAT merchant's lines are gross, and the event names the tax that they contain."""
    shop = await orders.connected("eu")
    await shop.post("/tax_rates", {"name": "VAT", "rate": 2000000, "isDefault": True})
    tea = await shop.post("/items", {"name": "Tea", "price": 300})
    orders.clock.advance(2)
    opened = shop.till("open_order", item=tea["id"])
    await shop.post(f"/orders/{opened['order']}/discounts", {"name": "Club", "percentage": 20})
    shop.till("recalculate", order=opened["order"])
    shop.till("pay_order", order=opened["order"])
    await orders.object_changed(shop, "O", opened["order"])
    await orders.run_until_idle()

    [event] = await orders.emitted(PosSaleRecorded)
    assert [each.amount for each in event.lines] == [240]
    assert (event.amount, event.added_tax, event.contained_tax, event.other) == (240, 0, 40, 0)


async def test_an_order_that_is_discounted_after_its_payment_is_corrected(till: Till) -> None:
    """Its lines are published at their new price, without goods that move."""
    opened = await _rung_up(till)
    till.shop.till("pay_order", order=opened["order"])
    await till.deliver()
    await till.shop.post(f"/orders/{opened['order']}/discounts", {"name": "Sorry", "percentage": 20})
    till.shop.till("recalculate", order=opened["order"])
    await till.deliver()

    [change] = await till.refunds()
    assert sorted((each.quantity, each.amount) for each in change.lines) == [(0, 70), (0, 81)]
    assert (change.amount, change.other) == (0, -151)
