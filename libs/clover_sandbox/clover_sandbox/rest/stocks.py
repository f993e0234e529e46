"""item_stocks: counts, read singly or in pages and written as absolute values."""

from decimal import Decimal
from typing import Any

from clover_sandbox.answers import Answer, bad_request
from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.kinds import with_nulls
from clover_sandbox.merchant import Stock
from clover_sandbox.rest.inventory_kinds import ITEMS
from clover_sandbox.rest.objects import need
from clover_sandbox.rest.routes import Route
from clover_sandbox.shapes import an_object
from clover_sandbox.stock import stock_view, write_count

# Clover sends counts as doubles. Larger ones would overflow.
LARGEST = Decimal("1e300")
# North America only (documented).
THRESHOLDS_IN = frozenset({"us", "ca"})


def list_stocks(call: Call) -> Answer:
    """List the counts of all items, with stubs for never-counted ones (recorded). No filter or order is known."""
    query = call.query
    if query.conditions:
        raise bad_request(f"Invalid filter field: {query.conditions[0].field}")
    if query.order is not None:
        raise bad_request(f"Invalid orderBy field: {query.order[0]}")
    page = call.merchant.objects["items"].page(query.offset, query.limit)
    rows = [_view(call, item["id"]) for item in page]
    href = f"{call.base_url}{call.path}?limit={query.limit}"
    return Answer({"elements": rows, "href": href})


def read_stock(call: Call) -> Answer:
    item = need(call.merchant, ITEMS, call.ids["id"])
    return Answer(_view(call, item["id"]))


def write_stock(call: Call) -> Answer:
    """Overwrite a count, also with a negative or decimal value (documented, recorded).

    How Clover sets a threshold is a guess.
    """
    item = need(call.merchant, ITEMS, call.ids["id"])
    count = _number(call.body, "quantity")
    if "stockAlertThreshold" in call.body and call.merchant.region in THRESHOLDS_IN:
        stock = call.merchant.stocks.setdefault(item["id"], Stock())
        stock.alert_threshold = _number(call.body, "stockAlertThreshold")
    write_count(call.merchant, item["id"], count, "rest")
    return Answer(_view(call, item["id"]))


def clear_stock(call: Call) -> Answer:
    """Reset an item to never counted."""
    item = need(call.merchant, ITEMS, call.ids["id"])
    write_count(call.merchant, item["id"], None, "rest")
    return Answer({})


def _number(body: Any, name: str) -> Decimal:
    value: Any = an_object(body).get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise bad_request(f"{name} must be a number")
    number = Decimal(value)
    if abs(number) > LARGEST:
        raise bad_request(f"{name} is out of range")
    return number


def _view(call: Call, item_id: str) -> Record:
    return with_nulls(call, ("stockCount", "quantity", "modifiedTime"), stock_view(call.merchant, item_id))


ROUTES = [
    Route("GET", "item_stocks", list_stocks, "INVENTORY_R"),
    Route("GET", "item_stocks/{id}", read_stock, "INVENTORY_R"),
    Route("POST", "item_stocks/{id}", write_stock, "INVENTORY_W"),
    Route("PUT", "item_stocks/{id}", write_stock, "INVENTORY_W"),
    Route("DELETE", "item_stocks/{id}", clear_stock, "INVENTORY_W"),
]
