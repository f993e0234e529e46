"""atomic_order: a whole cart in one call. Clover computes totals and default taxes."""

from dataclasses import dataclass
from typing import Any

from clover_sandbox import sales
from clover_sandbox.answers import Answer, Refused, unauthorized
from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.kinds import show
from clover_sandbox.merchant import Merchant, Sheet
from clover_sandbox.query import Tree
from clover_sandbox.rest.lines import check_cap, discount_of, line_fields, modification_of
from clover_sandbox.rest.order_kinds import ORDERS
from clover_sandbox.rest.orders import checked_order_type, customers_of
from clover_sandbox.rest.routes import Route
from clover_sandbox.shapes import accept, an_object, optional_rows
from clover_sandbox.totals import Totals

WHOLE_ORDER: Tree = {
    "lineItems": {"modifications": {}, "discounts": {}, "taxRates": {}},
    "discounts": {},
    "serviceCharge": {},
}


@dataclass(frozen=True)
class CartLine:
    """One validated line of a cart."""

    fields: Record
    rates: list[str] | None
    modifications: list[Record]
    discounts: list[Record]


@dataclass(frozen=True)
class Cart:
    """A validated cart, not stored yet."""

    order: Record
    lines: list[CartLine]
    discounts: list[Record]
    service_charge: Record | None
    customer_ids: list[str]


def check_out(call: Call) -> Answer:
    """Answer the totals of a cart without storing an order (documented)."""
    _check_region(call)
    order, _, totals = _build(call.merchant, _cart(call))
    sums = {"total": totals.total, "subtotal": totals.subtotal, "totalTaxAmount": totals.tax}
    shown = {"orderCart": an_object(call.body)["orderCart"], **sums, "taxSummaries": _summaries(call, totals)}
    return Answer({**shown, "isVat": order["isVat"]})


def create_atomic_order(call: Call) -> Answer:
    """Create the open order with its total (documented)."""
    _check_region(call)
    cart = _cart(call)
    order, sheet, totals = _build(call.merchant, cart)
    sales.file_order(call.merchant, {**order, "state": "open", "total": totals.total}, sheet)
    sales.attach_customers(call.merchant, order["id"], cart.customer_ids)
    if sales.policy(call.merchant, sheet) == "on_line_item":
        for line in sheet.lines.values():
            sales.take(call.merchant, line)
    stored = call.merchant.objects["orders"].get(order["id"]) or order
    return Answer(show(call, ORDERS, stored, WHOLE_ORDER))


def _check_region(call: Call) -> None:
    """Refuse merchants outside North America, as the documentation's label says. A switch sets Europe's answer."""
    mode = call.merchant.shared.switches["eu_atomic_order"]
    if call.merchant.european and mode == "401":
        raise unauthorized()
    if call.merchant.european and mode == "404":
        raise Refused(404, "Not Found")


def _cart(call: Call) -> Cart:
    body = an_object(an_object(call.body).get("orderCart"))
    rows = body.get("lineItems")
    if not isinstance(rows, list) or not rows:
        raise Refused(400, "cart_is_empty_or_missing", "Cart is empty or missing")
    check_cap(call.merchant, len(rows))
    fields = accept({name: ORDERS.shape[name] for name in ("title", "note", "orderType", "taxRemoved")}, body)
    if fields.get("orderType") is not None:
        checked_order_type(call.merchant, fields["orderType"])
    return Cart(
        fields,
        [_cart_line(call.merchant, an_object(row)) for row in rows],
        [discount_of(call.merchant, row) for row in optional_rows(body, "discounts")],
        _service_charge(call.merchant, body.get("serviceCharge")),
        customers_of(call.merchant, body),
    )


def _cart_line(merchant: Merchant, row: Record) -> CartLine:
    item = row.get("item")
    item_id = item.get("id") if isinstance(item, dict) else None
    if item_id is not None and merchant.shown("items", str(item_id)) is None:
        raise Refused(400, "item_does_not_exist", str(item_id))
    fields, rates = line_fields(merchant, row, overrides=False)
    modifications = [modification_of(merchant, "", each) for each in optional_rows(row, "modifications")]
    return CartLine(
        fields, rates, modifications, [discount_of(merchant, each) for each in optional_rows(row, "discounts")]
    )


def _service_charge(merchant: Merchant, given: Any) -> Record | None:
    if given is None:
        return None
    if an_object(given).get("id") != merchant.service_charge["id"]:
        raise Refused(400, "service_charge_does_not_exist", str(given.get("id")))
    return {**merchant.service_charge, "enabled": True}


def _build(merchant: Merchant, cart: Cart) -> tuple[Record, Sheet, Totals]:
    """Build the order, its sheet and its totals without storing them."""
    order, sheet = sales.blank_order(merchant, cart.order), sales.blank_sheet(merchant)
    for row in cart.lines:
        line = sales.blank_line(merchant, order, row.fields, row.rates)
        line.modifications = {
            each["id"]: {**each, "lineItemRef": {"id": line.record["id"]}} for each in row.modifications
        }
        line.discounts = {each["id"]: each for each in row.discounts}
        sheet.lines[line.record["id"]] = line
    sheet.discounts = {each["id"]: each for each in cart.discounts}
    sheet.service_charge = cart.service_charge
    return order, sheet, sales.computed_totals(merchant, order, sheet)


def _summaries(call: Call, totals: Totals) -> list[Record]:
    """Return the amount per tax rate (documented; the shape of a row is a guess)."""
    rates = call.merchant.found("tax_rates", totals.taxes)
    return [
        {"id": each["id"], "name": each["name"], "rate": each["rate"], "amount": totals.taxes[each["id"]]}
        for each in rates
    ]


ROUTES = [
    Route("POST", "atomic_order/checkouts", check_out, "ORDERS_W"),
    Route("POST", "atomic_order/orders", create_atomic_order, "ORDERS_W"),
]
