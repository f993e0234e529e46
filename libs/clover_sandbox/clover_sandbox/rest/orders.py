"""Orders: created with what the caller says, totals left to the caller, deleted softly."""

from typing import Any

from clover_sandbox import sales
from clover_sandbox.answers import Answer, bad_request
from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.listing import list_some
from clover_sandbox.merchant import Merchant, Sheet
from clover_sandbox.rest.inventory_kinds import DISCOUNTS
from clover_sandbox.rest.lines import discount_of
from clover_sandbox.rest.objects import listing, one
from clover_sandbox.rest.order_kinds import ORDERS, REFERENCE, customer_rows
from clover_sandbox.rest.routes import Route
from clover_sandbox.shapes import Flag, Shape, Text, Whole, accept, an_object, ref_id, without_nulls

SERVICE_CHARGE: Shape = {"name": Text(127), "enabled": Flag(), "percentage": Whole(0), "percentageDecimal": Whole(0)}


def create_order(call: Call) -> Answer:
    """A custom order; an order type is not required (recorded), a customer is attached by reference."""
    body = an_object(call.body)
    fields, customer_ids = _fields(call.merchant, body), customers_of(call.merchant, body)
    order = sales.open_order(call.merchant, fields)
    sales.attach_customers(call.merchant, order["id"], customer_ids)
    return one(call, ORDERS, order)


def read_order(call: Call) -> Answer:
    """Drafts are reachable by id as well (documented); deleted ones by switch."""
    order = call.merchant.objects["orders"].get(call.ids["id"])
    shows_deleted = order is not None and call.merchant.shared.switches["deleted_by_id"] == "shown"
    return one(call, ORDERS, order if order is not None and shows_deleted else need_order(call))


def update_order(call: Call) -> Answer:
    """A partial update; nothing recomputes the total (recorded)."""
    order = need_order(call)
    body = an_object(call.body)
    fields, customer_ids = _fields(call.merchant, body), customers_of(call.merchant, body)
    if "customers" in body:
        sales.attach_customers(call.merchant, order["id"], customer_ids)
    return one(call, ORDERS, sales.touch_order(call.merchant, order["id"], **fields))


def delete_order(call: Call) -> Answer:
    """A soft delete: 200 `{}` (recorded)."""
    sales.delete_order(call.merchant, need_order(call)["id"])
    return Answer({})


def list_order_discounts(call: Call) -> Answer:
    return list_some(call, DISCOUNTS, list(sheet_of(call).discounts.values()))


def add_order_discount(call: Call) -> Answer:
    """`{name, percentage}` or `{name, amount}` with a negative amount (documented)."""
    discount = discount_of(call.merchant, call.body)
    sheet_of(call).discounts[discount["id"]] = discount
    sales.touch_order(call.merchant, call.ids["id"])
    return Answer(discount)


def delete_order_discount(call: Call) -> Answer:
    if sheet_of(call).discounts.pop(call.ids["discount"], None) is None:
        raise ORDERS.absent()
    sales.touch_order(call.merchant, call.ids["id"])
    return Answer({})


def set_service_charge(call: Call) -> Answer:
    """The id of the merchant's charge is mandatory (recorded)."""
    sheet, body = sheet_of(call), an_object(call.body)
    if not isinstance(body.get("id"), str):
        raise bad_request("Service charge in body is missing an ID")
    if body["id"] != call.merchant.service_charge["id"]:
        raise bad_request("service_charge_does_not_exist")
    given = without_nulls(accept(SERVICE_CHARGE, body))
    sheet.service_charge = {**call.merchant.service_charge, "enabled": True, **given}
    sales.touch_order(call.merchant, call.ids["id"])
    return Answer(sheet.service_charge)


def delete_service_charge(call: Call) -> Answer:
    sheet_of(call).service_charge = None
    sales.touch_order(call.merchant, call.ids["id"])
    return Answer({})


def need_order(call: Call) -> Record:
    """The order of the path unless it is deleted."""
    order = call.merchant.objects["orders"].get(call.ids["id"])
    if order is None or "deletedTimestamp" in order:
        raise ORDERS.absent()
    return order


def sheet_of(call: Call) -> Sheet:
    """What hangs on the order of the path."""
    return call.merchant.sheets[need_order(call)["id"]]


def checked_order_type(merchant: Merchant, order_type: Any) -> None:
    """An unknown or deleted type is refused, or not: a switch."""
    known = merchant.shown("order_types", ref_id("orderType", order_type)) is not None
    if not known and merchant.shared.switches["unknown_order_type"] == "refuse":
        raise bad_request("Invalid order type")


def customers_of(merchant: Merchant, body: Record) -> list[str]:
    """The ids of the customers a body names; an unknown one is refused."""
    ids = [ref_id("customer", row) for row in customer_rows(body.get("customers"))]
    for each in ids:
        if merchant.shown("customers", each) is None:
            raise bad_request("Customer not found")
    return ids


def _fields(merchant: Merchant, body: Record) -> Record:
    fields = accept(ORDERS.shape, body, partial=True)
    if fields.get("orderType") is not None:
        checked_order_type(merchant, fields["orderType"])
    if "externalReferenceId" in body:
        fields["externalReferenceId"] = _reference(body["externalReferenceId"])
    return fields


def _reference(value: Any) -> str | None:
    """12 letters and digits; anything else gets the recorded text."""
    if value is not None and not (isinstance(value, str) and REFERENCE.fullmatch(value)):
        raise bad_request("Invoice ID cannot exceed 12 characters")
    return value


ROUTES = [
    Route("GET", "orders", listing(ORDERS), "ORDERS_R"),
    Route("POST", "orders", create_order, "ORDERS_W"),
    Route("GET", "orders/{id}", read_order, "ORDERS_R"),
    Route("POST", "orders/{id}", update_order, "ORDERS_W"),
    Route("DELETE", "orders/{id}", delete_order, "ORDERS_W"),
    Route("DELETE", "orders_v2/{id}", delete_order, "ORDERS_W"),
    Route("GET", "orders/{id}/discounts", list_order_discounts, "ORDERS_R"),
    Route("POST", "orders/{id}/discounts", add_order_discount, "ORDERS_W"),
    Route("DELETE", "orders/{id}/discounts/{discount}", delete_order_discount, "ORDERS_W"),
    Route("POST", "orders/{id}/service_charge", set_service_charge, "ORDERS_W"),
    Route("DELETE", "orders/{id}/service_charge/{charge}", delete_service_charge, "ORDERS_W"),
]
