"""Payments of orders: what they bring an order to, and which are refused."""

from typing import Any

import pytest
from tests.contract.sandbox.ordering import open_order, pay, tender
from tests.support.clover import Clover, Shop


async def test_payments_bring_an_order_to_paid_and_locked(shop: Shop) -> None:
    """A partial payment sets PARTIALLY_PAID."""
    order = await open_order(shop, total=500)
    first = await pay(shop, order, 200)
    part = await shop.get(f"/orders/{order}")
    await pay(shop, order, 300)
    full = await shop.get(f"/orders/{order}?expand=payments")

    assert (first["result"], first["offline"], first["order"]) == ("SUCCESS", False, {"id": order})
    assert (part["paymentState"], part["state"]) == ("PARTIALLY_PAID", "open")
    assert (full["paymentState"], full["state"]) == ("PAID", "locked")
    assert [each["amount"] for each in full["payments"]["elements"]] == [200, 300]


@pytest.mark.parametrize(("mode", "state"), [("yes", "locked"), ("no", "open")])
async def test_whether_payment_locks_an_order_is_a_switch(clover: Clover, shop: Shop, mode: str, state: str) -> None:
    """The order is PAID in both modes."""
    clover.sandbox.switches.set({"paid_locks": mode})
    order = await open_order(shop, total=500)
    await pay(shop, order, 500)
    shown = await shop.get(f"/orders/{order}")

    assert (shown["paymentState"], shown["state"]) == ("PAID", state)


@pytest.mark.parametrize("key", ["com.clover.tender.credit_card", "com.clover.tender.debit_card"])
async def test_card_tenders_are_refused(shop: Shop, key: str) -> None:
    """Only external tenders are accepted."""
    order = await open_order(shop, total=500)
    reply = await shop.call("POST", f"/orders/{order}/payments", {"tender": await tender(shop, key), "amount": 1})

    assert reply.status == 400
    assert "external payment" in reply.body["message"]


@pytest.mark.parametrize("fields", [{"amount": 0}, {"amount": None}, {"tender": {"id": "NONE"}}, {"tender": None}])
async def test_a_payment_needs_an_amount_and_a_tender(shop: Shop, fields: Any) -> None:
    """A missing or invalid one gets a 400, and the order stays unpaid."""
    order = await open_order(shop, total=500)
    body = {"tender": await tender(shop), "amount": 100, **fields}

    assert (await shop.call("POST", f"/orders/{order}/payments", body)).status == 400
    assert (await shop.get(f"/orders/{order}"))["paymentState"] == "OPEN"


@pytest.mark.parametrize(("mode", "status"), [("accept", 200), ("refuse", 400)])
async def test_overpaying_and_deleting_paid_orders_are_switches(
    clover: Clover, shop: Shop, mode: str, status: int
) -> None:
    """Open question 8: both modes are available."""
    clover.sandbox.switches.set({"overpayment": mode, "delete_paid_order": mode})
    order, paid = await open_order(shop, total=100), await open_order(shop, total=100)
    await pay(shop, paid, 100)

    body = {"tender": await tender(shop), "amount": 101}
    assert (await shop.call("POST", f"/orders/{order}/payments", body)).status == status
    assert (await shop.call("DELETE", f"/orders/{paid}")).status == status
