"""Order types. A new merchant has none, and the first one becomes the default (recorded)."""

from typing import Any

from clover_sandbox.answers import Answer
from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.listing import list_some
from clover_sandbox.merchant import Merchant
from clover_sandbox.rest.inventory_kinds import CATEGORIES
from clover_sandbox.rest.merchant_kinds import ORDER_TYPES
from clover_sandbox.rest.objects import drop, kept, need, tying
from clover_sandbox.rest.routes import Route

SYSTEM_TYPES = (
    ("DINE-IN-TYPE", "com.clover.order.type.dine_in"),
    ("TAKE-OUT-TYPE", "com.clover.order.type.take_out"),
    ("DELIVERY-TYPE", "com.clover.order.type.delivery"),
)


def prepared_order_type(merchant: Merchant, fields: Record, _body: Any) -> Record:
    """Mark the merchant's first order type as its default, but no later one (recorded)."""
    first = not any(True for _ in merchant.objects["order_types"].everything())
    return {**fields, "isDefault": True} if first else fields


def remove_order_type(merchant: Merchant, order_type_id: str) -> None:
    """Hide an order type from the list and set `isDeleted` and `deletedTime`."""
    drop(merchant, ORDER_TYPES, order_type_id)
    merchant.objects["order_types"].change(order_type_id, {"isDeleted": True})


def delete_order_type(call: Call) -> Answer:
    need(call.merchant, ORDER_TYPES, call.ids["id"])
    remove_order_type(call.merchant, call.ids["id"])
    return Answer({})


def list_system_types(call: Call) -> Answer:
    rows = [{"id": name, "labelKey": key} for name, key in SYSTEM_TYPES]
    return list_some(call, ORDER_TYPES, rows)


ROUTES = [
    *(route for route in kept(ORDER_TYPES, prepared_order_type) if route.method != "DELETE"),
    Route("DELETE", "order_types/{id}", delete_order_type, "MERCHANT_W"),
    Route("GET", "system_order_types", list_system_types, "MERCHANT_R"),
    tying("order_type_categories", ORDER_TYPES, "orderType", CATEGORIES, "category"),
]
