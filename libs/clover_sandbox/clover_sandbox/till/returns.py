"""Refunds and exchanges at the counter. Only goods that left the store can come back, and once."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from clover_sandbox import sales
from clover_sandbox.answers import bad_request
from clover_sandbox.collection import Record
from clover_sandbox.merchant import Line, Merchant
from clover_sandbox.shapes import Whole
from clover_sandbox.stock import move_count, record_till_movement
from clover_sandbox.till.counter import lines_of, order_of, rows_of, shown, total_of
from clover_sandbox.totals import Totals

Given = Mapping[str, Any]


def refund(merchant: Merchant, given: Given) -> Record:
    """Refund `lines` (ids; absent means all). `restock` decides whether the goods return to the count."""
    order = order_of(merchant, given)
    lines = _returning(merchant, order["id"], given.get("lines"))
    left, before, after = _refundable(merchant, order["id"]), *_totals_with_and_without(merchant, order, lines)
    worth = min(left, before.total - after.total) if after.total else left
    amount = Whole(0).check("amount", given.get("amount", worth))
    if amount > left:
        raise bad_request("no more can be refunded than was paid")
    restock = given.get("restock", merchant.shared.switches.on("restock_on_refund"))
    for line in lines:
        line.record["refunded"] = True
        _return_goods(merchant, line, to_count=bool(restock))
    row = _refund_row(merchant, order["id"], amount, before.tax - after.tax, lines)
    state = "REFUNDED" if amount == left else "PARTIALLY_REFUNDED"
    sales.touch_order(merchant, order["id"], paymentState=state, **({"total": after.total} if lines else {}))
    return {**shown(merchant, order["id"]), "refund": row["id"]}


def credit(merchant: Merchant, given: Given) -> Record:
    """Give `amount` cents back without a sale, as a manual refund does; `order` names one that it belongs to."""
    order = order_of(merchant, given) if "order" in given else None
    now = merchant.now_ms()
    row = {
        "id": merchant.new_id(),
        **({"orderRef": {"id": order["id"]}} if order else {}),
        "amount": Whole(1).check("amount", given.get("amount")),
        "taxAmount": Whole(0).check("tax", given.get("tax", 0)),
        "createdTime": now,
        "clientCreatedTime": now,
        "voided": False,
    }
    merchant.objects["credits"].add(row)
    if order is not None:
        sales.touch_order(merchant, order["id"], paymentState="CREDITED")
    return {"credit": row["id"]}


def void_credit(merchant: Merchant, given: Given) -> Record:
    """Void a credit."""
    found = merchant.objects["credits"].get(str(given.get("credit")))
    if found is None:
        raise bad_request("there is no such credit")
    found["voided"] = True
    return {"credit": found["id"]}


def exchange(merchant: Merchant, given: Given) -> Record:
    """Exchange a line: mark the old one `exchanged` and add the new one, which replaces it in the total."""
    order = order_of(merchant, given)
    (old,) = _returning(merchant, order["id"], [given.get("line")])
    (fields, *_) = rows_of(merchant, {"lines": [given.get("with")]})
    old.record["exchanged"] = True
    _return_goods(merchant, old, to_count=True)
    new = sales.add_line(merchant, order["id"], {**fields, "exchangedLineItem": {"id": old.record["id"]}})
    sales.take(merchant, new)
    sales.hand_over(merchant, new)
    sales.touch_order(merchant, order["id"], total=total_of(merchant, order))
    return {**shown(merchant, order["id"]), "line": new.record["id"]}


def _returning(merchant: Merchant, order_id: str, ids: Any) -> list[Line]:
    """Return the lines to take back, by default all that can be returned."""
    sheet = merchant.sheets[order_id]
    if not sheet.payment_ids:
        raise bad_request("lines of an unpaid order cannot be returned")

    def can_return(line: Line) -> bool:
        # The goods of an order created through REST were handed over elsewhere.
        return not sales.out_of_total(line) and bool(line.handed or not sheet.from_till)

    if ids is None:
        return [line for line in sheet.lines.values() if can_return(line)]
    lines = lines_of(merchant, order_id, ids)
    if not all(can_return(line) for line in lines):
        raise bad_request("the goods of a line never left the store, or were already returned")
    return lines


def _refundable(merchant: Merchant, order_id: str) -> int:
    """Return the amount paid and not yet refunded, in cents."""
    back = merchant.objects["refunds"].having("orderRef.id", [order_id]) or ()
    given_back: int = sum(each["amount"] for each in back)
    return sales.paid(merchant, merchant.sheets[order_id]) - given_back


def _totals_with_and_without(merchant: Merchant, order: Record, lines: list[Line]) -> tuple[Totals, Totals]:
    """Return the order's totals before and after these lines are refunded, including discounts and taxes."""
    sheet = merchant.sheets[order["id"]]
    # A refunded line keeps its share of the order discounts, so it is marked rather than left out.
    refunded = {line.record["id"]: replace(line, record={**line.record, "refunded": True}) for line in lines}
    without = replace(sheet, lines={**sheet.lines, **refunded})
    return sales.computed_totals(merchant, order, sheet), sales.computed_totals(merchant, order, without)


def _refund_row(merchant: Merchant, order_id: str, amount: int, tax: int, lines: list[Line]) -> Record:
    now, payment_id = merchant.now_ms(), merchant.sheets[order_id].payment_ids[-1]
    row = {
        "id": merchant.new_id(),
        "orderRef": {"id": order_id},
        "payment": {"id": payment_id},
        "amount": amount,
        "taxAmount": tax,
        "createdTime": now,
        "clientCreatedTime": now,
        "modifiedTime": now,
        "lineItems": {"elements": [{"id": line.record["id"]} for line in lines]},
    }
    merchant.objects["refunds"].add(row)
    merchant.emit("P", payment_id, "UPDATE")
    return row


def _return_goods(merchant: Merchant, line: Line, *, to_count: bool) -> None:
    if "item" in line.record and to_count:
        quantity = sales.quantity_of(line)
        move_count(merchant, line.record["item"]["id"], quantity, "refund")
        record_till_movement(merchant, line.record["item"]["id"], quantity)
        line.taken = line.handed = Decimal(0)
