"""Orders that change after they are in Clover: edited, partly cancelled, refunded, paid later."""

from typing import Any

import pytest
from tests.integration.orders.conftest import ADA, SETTLE, Orders, in_clover
from tests.support.clover import Shop

from clover_sandbox import sales
from common.contracts.orders import OrderCancelled, OrderSynced

MUGS = {"sku": "MUG", "name": "Mug", "quantity": 2, "unit_price": 1250}
POSTER = {"sku": "POSTER", "name": "Poster", "quantity": 1, "unit_price": 999}
PIN = {"sku": "PIN", "name": "Pin", "quantity": 1, "unit_price": 300}


async def paid(orders: Orders, **changed: Any) -> Shop:
    """A merchant with one order in Clover."""
    shop = await orders.connected()
    assert (await orders.put(shop, **changed))[0] == 202
    await orders.run_until_idle()
    return shop


async def edit(orders: Orders, shop: Shop, status: int = 202, **changed: Any) -> Any:
    """Send the order anew, as an edit, and let it get to Clover."""
    path = f"{orders.path(shop, 'o-1')}?edit=true"
    usual = {
        "channel": {"channel": "shopify", "store": "mugs.example"}, "number": "#1001", "currency": "USD",
        "lines": [MUGS, POSTER], "total": 3499, "placed_at": "2026-11-23T10:00:00+01:00",
    }  # fmt: skip
    answered, body = await orders.call("PUT", path, usual | changed)
    assert answered == status, body
    await orders.run_until_idle()
    return body


def shown(shop: Shop) -> tuple[list[tuple[str, int]], int, list[int]]:
    """The rows, the total and the payments of the order in Clover."""
    [made] = in_clover(shop)
    total = sales.computed_totals(shop.merchant, made.record, shop.merchant.sheets[made.record["id"]]).total
    assert total == made.record["total"]
    rows = sorted((line["name"], line["price"]) for line in made.lines)
    return rows, made.record["total"], [each["amount"] for each in made.payments]


async def test_a_line_is_added(orders: Orders) -> None:
    """Only its row is added, the total rewritten, and the difference recorded as one more payment."""
    shop = await paid(orders)
    before = {line["id"] for line in in_clover(shop)[0].lines}
    await edit(orders, shop, lines=[MUGS, POSTER, PIN], total=3799, number="#1001-A")
    rows, total, payments = shown(shop)
    assert (rows, total, payments) == (
        [("Mug", 1250), ("Mug", 1250), ("Pin", 300), ("Poster", 999)], 3799, [3499, 300],
    )  # fmt: skip
    [made] = in_clover(shop)
    assert before < {line["id"] for line in made.lines}
    assert made.record["title"] == "shopify #1001-A"
    seen = await orders.seen(shop)
    assert (seen["state"], seen["notices"], seen["sums"]["clover"]["paid"]) == ("paid", [], 3799)
    assert [each.total for each in await orders.emitted(OrderSynced)] == [3499, 3799]
    assert "edited" in [each["event"] for each in seen["timeline"]]


async def test_a_partial_cancel_and_its_refund(orders: Orders) -> None:
    """The cancelled row is removed; what was paid for it the merchant refunds at the till, and reads so."""
    shop = await paid(orders)
    await edit(orders, shop, lines=[MUGS], total=2500, payments=[{"amount": 3499}], refunds=[{"amount": 999}])
    assert shown(shop) == ([("Mug", 1250), ("Mug", 1250)], 2500, [3499])
    seen = await orders.seen(shop)
    assert seen["state"] == "paid"
    assert any("refund $9.99 there as External Payment" in each for each in seen["notices"])


async def test_a_cancelled_order_leaves_nothing_to_do_at_the_till(orders: Orders) -> None:
    """Clover has deleted it with its payment, so its refund is not asked of the merchant."""
    shop = await paid(orders)
    await edit(orders, shop, payments=[{"amount": 3499}], refunds=[{"amount": 3499}])
    await orders.act(shop, "cancel")
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert (seen["state"], seen["notices"]) == ("cancelled", [])


async def test_a_changed_line_is_removed_and_added(orders: Orders) -> None:
    """Clover changes no line (documented)."""
    shop = await paid(orders)
    await edit(orders, shop, lines=[MUGS | {"unit_price": 1300}, POSTER], total=3599)
    assert shown(shop) == ([("Mug", 1300), ("Mug", 1300), ("Poster", 999)], 3599, [3499, 100])


async def test_an_unpaid_order_is_paid_later(orders: Orders) -> None:
    """Cash on delivery: the payment is recorded once the store has it, and the order can be completed."""
    shop = await paid(orders, payments=[])
    assert await orders.state(shop) == "unpaid"
    await edit(orders, shop, payments=[{"name": "cash", "amount": 3499}])
    assert (await orders.state(shop), shown(shop)[2]) == ("paid", [3499])
    assert [each.due for each in await orders.emitted(OrderSynced)] == [3499, 0]
    await orders.act(shop, "complete")
    await orders.run_until_idle()
    assert await orders.state(shop) == "done"


async def test_a_refund_after_completion(orders: Orders) -> None:
    """It changes nothing in Clover but the notice, and the order is done again."""
    shop = await paid(orders)
    await orders.act(shop, "complete")
    await orders.run_until_idle()
    await edit(orders, shop, payments=[{"amount": 3499}], refunds=[{"amount": 500}])
    seen = await orders.seen(shop)
    assert (seen["state"], len(seen["notices"])) == ("done", 1)
    assert shown(shop)[2] == [3499]


async def test_completion_after_a_refund_at_the_till(orders: Orders) -> None:
    """The merchant refunded the cancelled poster as the notice says, then the store completes the order."""
    shop = await paid(orders)
    await edit(orders, shop, lines=[MUGS], total=2500, payments=[{"amount": 3499}], refunds=[{"amount": 999}])
    shop.till("refund", order=in_clover(shop)[0].record["id"], amount=999, lines=[])
    await orders.act(shop, "complete")
    await orders.run_until_idle()
    assert (await orders.seen(shop))["state"] == "done"


async def test_payments_that_an_edit_divides_otherwise(orders: Orders) -> None:
    """The missing part of their sum is recorded, though one that is in Clover is smaller than the store says now."""
    shop = await paid(orders, payments=[{"amount": 1000}])
    assert await orders.state(shop) == "unpaid"
    await edit(orders, shop, payments=[{"amount": 1500}, {"amount": 1999}])
    assert (await orders.state(shop), shown(shop)[2]) == ("paid", [1000, 1999, 500])


async def test_an_edit_that_costs_what_was_paid(orders: Orders) -> None:
    """A part paid order whose open part is cancelled is paid and can be completed, though Clover left it part paid."""
    shop = await paid(orders, payments=[{"amount": 2500}])
    await edit(orders, shop, lines=[MUGS], total=2500, payments=[{"amount": 2500}])
    assert (await orders.state(shop), shown(shop)[1:]) == ("paid", (2500, [2500]))
    await orders.act(shop, "complete")
    await orders.run_until_idle()
    assert await orders.state(shop) == "done"


async def test_a_tip_that_is_added_later(orders: Orders) -> None:
    """It goes with the next payment; where none is due it is not in Clover, which the sums and a notice say."""
    shop = await paid(orders)
    await edit(orders, shop, tips=[{"amount": 500}], total=3999, payments=[{"amount": 3999}])
    seen = await orders.seen(shop)
    assert (seen["state"], shown(shop)[1:]) == ("paid", (3499, [3499]))
    assert [seen["sums"][side]["tip"] for side in ("store", "clover")] == [500, 0]
    assert (seen["sums"]["clover"]["paid"], ["tip of $5.00" in each for each in seen["notices"]]) == (3499, [True])

    more = [MUGS, POSTER, PIN]
    await edit(
        orders, shop, lines=more, tips=[{"amount": 500}], total=4299, payments=[{"amount": 3999}, {"amount": 300}]
    )
    seen = await orders.seen(shop)
    assert (seen["state"], shown(shop)[1:], seen["notices"]) == ("paid", (3799, [3499, 300]), [])
    assert [each["tipAmount"] for each in in_clover(shop)[0].payments] == [0, 500]
    assert seen["sums"]["clover"] == {"total": 3799, "tax": 0, "tip": 500, "paid": 4299}

    await edit(orders, shop, lines=more, total=3799, payments=[{"amount": 4299}], refunds=[{"amount": 500}])
    assert any("refund $5.00 there" in each for each in (await orders.seen(shop))["notices"])


async def test_an_edit_after_the_merchant_created_its_tax_rates(orders: Orders) -> None:
    """The tax that was a row becomes a rate, and the order is taxed: a device comes to the same total."""
    shop = await orders.connected()
    taxes = [{"rate": "10", "amount": 350}]
    await orders.put(shop, taxes=taxes, total=3849)
    await orders.run_until_idle()
    await shop.post("/tax_rates", {"name": "Sales tax", "rate": 1_000_000})
    await orders.settle_for(2 * SETTLE)
    await orders.put(shop, source_id="o-2")
    await orders.run_until_idle()
    await edit(orders, shop, lines=[MUGS, POSTER | {"sku": "PRINT"}], taxes=taxes, total=3849)
    assert await orders.state(shop) == "paid"
    first = min(in_clover(shop), key=lambda made: made.record["createdTime"])
    assert first.record["taxRemoved"] is False
    assert sales.computed_totals(shop.merchant, first.record, shop.merchant.sheets[first.record["id"]]).total == 3849


async def test_another_customer(orders: Orders) -> None:
    """The customer on the order is the one of the edit."""
    shop = await paid(orders, customer=ADA)
    [first] = in_clover(shop)[0].customers
    await edit(orders, shop, customer=ADA | {"email": "grace@example.com", "first_name": "Grace"})
    [second] = in_clover(shop)[0].customers
    assert first != second


async def test_edits_that_come_too_soon_or_too_late(orders: Orders) -> None:
    """While a write is under way the caller is asked to come again; a cancelled order is not changed."""
    shop = await orders.connected()
    orders.clover.fail("drop_before_apply", method="POST", path=r"/payments$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    assert (await edit(orders, shop, 409, total=2500, lines=[MUGS]))["type"].endswith("order_being_sent")
    await orders.settle_for(2 * SETTLE)
    assert await orders.state(shop) == "paid"
    assert (await orders.put(shop, total=2500, lines=[MUGS]))[0] == 409
    assert (await edit(orders, shop, 200))["state"] == "paid"
    await orders.act(shop, "cancel")
    assert (await edit(orders, shop, 409, total=2500, lines=[MUGS]))["type"].endswith("order_cancelled")


@pytest.mark.parametrize("fault", ["apply_then_drop", "drop_before_apply", "fail_after", "throttle"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", r"/line_items/\w+"),
        ("POST", r"/bulk_line_items$"),
        ("POST", r"/orders/\w+$"),
        ("POST", r"/payments$"),
    ],
)
async def test_an_edit_whose_call_goes_wrong(orders: Orders, fault: str, method: str, path: str) -> None:
    """Each row and each payment is there once."""
    shop = await paid(orders)
    orders.clover.fail(fault, method=method, path=path, times=2)
    await edit(orders, shop, lines=[MUGS, PIN | {"quantity": 5}], total=4000)
    await orders.settle_for(6 * SETTLE)
    assert shown(shop) == ([("Mug", 1250), ("Mug", 1250), *[("Pin", 300)] * 5], 4000, [3499, 501])
    assert await orders.state(shop) == "paid"


async def test_lines_are_voided_where_deletion_is_refused(orders: Orders) -> None:
    """An unpaid order is as good as deleted then; a paid one waits for its refund at the till, without its goods."""
    orders.clover.sandbox.switches.set({"delete_paid_order": "refuse"})
    shop = await paid(orders)
    await orders.act(shop, "cancel")
    await orders.run_until_idle()
    assert (await orders.state(shop), shown(shop)[:2]) == ("held", ([], 0))
    [made] = in_clover(shop)
    assert {each["reason"] for each in shop.merchant.sheets[made.record["id"]].voided} == {
        "Cancelled in the online store"
    }
    shop = await paid(orders, payments=[])
    orders.clover.fail("refuse", method="DELETE", path=r"/orders/\w+$", times=9)
    await orders.act(shop, "cancel")
    await orders.run_until_idle()
    assert (await orders.state(shop), shown(shop)[:2]) == ("cancelled", ([], 0))
    assert len(await orders.emitted(OrderCancelled)) == 1


async def test_a_note_of_the_store(orders: Orders) -> None:
    """It stands below ours on the order; an edit writes the new one, and the same again changes nothing."""
    shop = await paid(orders, note="Ring twice")
    assert in_clover(shop)[0].record["note"] == "QuickSync order o-1\nRing twice"
    assert "Ring twice" not in str(await orders.fetch("SELECT * FROM source_order"))
    await edit(orders, shop, 200, note="Ring twice")
    await edit(orders, shop, note="Knock")
    assert in_clover(shop)[0].record["note"] == "QuickSync order o-1\nKnock"
    assert (await orders.seen(shop))["state"] == "paid"
    updates = orders.calls(shop).count("POST orders/" + in_clover(shop)[0].record["id"])
    await edit(orders, shop, note="Knock", number="#1001-B")
    assert orders.calls(shop).count("POST orders/" + in_clover(shop)[0].record["id"]) == updates + 1


async def test_a_note_outside_the_us(orders: Orders) -> None:
    """People write anything into it, so nothing of it is stored or sent."""
    shop = await orders.connected("eu")
    await orders.put(shop, note="For Ada, +49 30 1234567", currency="EUR")
    await orders.run_until_idle()
    assert in_clover(shop)[0].record["note"] == "QuickSync order o-1"
    [row] = await orders.fetch("SELECT customer FROM source_order")
    assert row["customer"] is None
