"""Orders. The caller sets fields and total; deletion is soft."""

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
    """Create a custom order. The order type is optional (recorded); customers are attached by reference."""
    body = an_object(call.body)
    fields, customer_ids = _fields(call.merchant, body), customers_of(call.merchant, body)
    order = sales.open_order(call.merchant, fields)
    sales.attach_customers(call.merchant, order["id"], customer_ids)
    return one(call, ORDERS, order)


def read_order(call: Call) -> Answer:
    """Read an order by id, also a draft (documented) and, by switch, a deleted one."""
    order = call.merchant.objects["orders"].get(call.ids["id"])
    shows_deleted = order is not None and call.merchant.shared.switches["deleted_by_id"] == "shown"
    return one(call, ORDERS, order if order is not None and shows_deleted else need_order(call))


def update_order(call: Call) -> Answer:
    """Update an order partially. Clover does not recompute the total (recorded)."""
    order = need_order(call)
    body = an_object(call.body)
    fields, customer_ids = _fields(call.merchant, body), customers_of(call.merchant, body)
    if "customers" in body:
        sales.attach_customers(call.merchant, order["id"], customer_ids)
    return one(call, ORDERS, sales.touch_order(call.merchant, order["id"], **fields))


def delete_order(call: Call) -> Answer:
    """Delete an order softly and answer 200 `{}` (recorded)."""
    sales.delete_order(call.merchant, need_order(call)["id"])
    return Answer({})


def list_order_discounts(call: Call) -> Answer:
    return list_some(call, DISCOUNTS, list(sheet_of(call).discounts.values()))


def add_order_discount(call: Call) -> Answer:
    """Add a discount: `{name, percentage}` or `{name, amount}` with a negative amount (documented)."""
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
    """Set the service charge. The id of the merchant's charge is mandatory (recorded)."""
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
    """Return the order of the path, or raise 404 if it is deleted."""
    order = call.merchant.objects["orders"].get(call.ids["id"])
    if order is None or "deletedTimestamp" in order:
        raise ORDERS.absent()
    return order


def sheet_of(call: Call) -> Sheet:
    """Return the sheet of the path's order."""
    return call.merchant.sheets[need_order(call)["id"]]


def checked_order_type(merchant: Merchant, order_type: Any) -> None:
    """Check an order type. A switch decides whether Clover refuses an unknown or deleted one."""
    known = merchant.shown("order_types", ref_id("orderType", order_type)) is not None
    if not known and merchant.shared.switches["unknown_order_type"] == "refuse":
        raise bad_request("Invalid order type")


def customers_of(merchant: Merchant, body: Record) -> list[str]:
    """Return the ids of the customers in a body, or raise 400 for an unknown one."""
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
    """Check for 12 letters and digits, or raise 400 with the recorded text."""
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
