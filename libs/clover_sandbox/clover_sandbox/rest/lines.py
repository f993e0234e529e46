"""Line items of orders: one or up to 100 per call, modifications, discounts and voids."""

from collections.abc import Mapping
from typing import Any

from clover_sandbox import sales
from clover_sandbox.answers import Answer, Refused, bad_request
from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.kinds import show
from clover_sandbox.listing import list_some
from clover_sandbox.merchant import Line, Merchant, Sheet
from clover_sandbox.rest.inventory_kinds import DISCOUNTS
from clover_sandbox.rest.objects import one
from clover_sandbox.rest.order_kinds import LINE_ITEMS, ORDERS
from clover_sandbox.rest.routes import Route
from clover_sandbox.shapes import Flag, Shape, Text, accept, an_object, ref_id, rows_of, without_nulls

MOST_IN_BULK = 100
NO_TAX = "NO_TAX_APPLIED"

# Since June 2024 the other fields of a line are read-only (documented).
CHANGEABLE: Shape = {"note": Text(255), "userData": Text(255), "printed": Flag(), "binName": Text(127)}
COPIED_FROM_ITEM = {"name": "name", "alternateName": "alternateName", "code": "itemCode", "unitName": "unitName"}


def add_line(call: Call) -> Answer:
    """Add one line. Of a list only the last one counts (documented). Clover ignores a quantity (recorded)."""
    sheet = _sheet(call)
    body = call.body[-1] if isinstance(call.body, list) and call.body else call.body
    check_cap(call.merchant, len(sheet.lines) + 1)
    fields, rates = line_fields(call.merchant, body, overrides=_overrides(call.merchant, "everywhere"))
    line = sales.add_line(call.merchant, call.ids["id"], fields, rates)
    sales.touch_order(call.merchant, call.ids["id"])
    return one(call, LINE_ITEMS, line.record)


def add_lines(call: Call) -> Answer:
    """Add up to 100 lines. The price is required, overrides are allowed, the total does not change (recorded)."""
    sheet, rows = _sheet(call), rows_of(call.body, "items")
    if len(rows) > MOST_IN_BULK:
        raise bad_request(f"items cannot have more than {MOST_IN_BULK} elements")
    check_cap(call.merchant, len(sheet.lines) + len(rows))
    if any(an_object(row).get("price") is None for row in rows):
        raise bad_request("Price must not be null")
    read = [line_fields(call.merchant, row, overrides=_overrides(call.merchant, "everywhere", "bulk")) for row in rows]
    lines = [sales.add_line(call.merchant, call.ids["id"], fields, rates) for fields, rates in read]
    sales.touch_order(call.merchant, call.ids["id"])
    return _bulk_answer(call, [show(call, LINE_ITEMS, line.record, call.query.expand) for line in lines])


def _bulk_answer(call: Call, rows: list[Record]) -> Answer:
    """Return the answer that the switch selects: the lines, bare or as elements, the order, or {}."""
    mode = call.merchant.shared.switches["bulk_lines_answer"]
    if mode == "order":
        return one(call, ORDERS, call.merchant.objects["orders"].get(call.ids["id"]) or {})
    bodies: Mapping[str, Any] = {"array": rows, "elements": {"elements": rows}, "empty": {}}
    return Answer(bodies[mode])


def list_lines(call: Call) -> Answer:
    return list_some(call, LINE_ITEMS, [line.record for line in _sheet(call).lines.values()])


def read_line(call: Call) -> Answer:
    return one(call, LINE_ITEMS, _line(call).record)


def update_line(call: Call) -> Answer:
    line = _line(call)
    changed = without_nulls(accept(CHANGEABLE, call.body, partial=True))
    line.record.update(sales.as_kept(call.merchant, changed))
    sales.touch_order(call.merchant, call.ids["id"])
    return one(call, LINE_ITEMS, line.record)


def delete_line(call: Call) -> Answer:
    _line(call)
    sales.remove_line(call.merchant, call.ids["id"], call.ids["line"], call.parameter("reason"))
    return Answer({})


def add_modification(call: Call) -> Answer:
    """Add a modifier. Clover does not deduplicate repeats (recorded)."""
    line = _line(call)
    modification = modification_of(call.merchant, line.record["id"], call.body)
    line.modifications[modification["id"]] = modification
    sales.touch_order(call.merchant, call.ids["id"])
    return Answer(modification)


def delete_modification(call: Call) -> Answer:
    if _line(call).modifications.pop(call.ids["modification"], None) is None:
        raise LINE_ITEMS.absent()
    sales.touch_order(call.merchant, call.ids["id"])
    return Answer({})


def add_line_discount(call: Call) -> Answer:
    line = _line(call)
    discount = discount_of(call.merchant, call.body)
    line.discounts[discount["id"]] = discount
    sales.touch_order(call.merchant, call.ids["id"])
    return Answer(discount)


def delete_line_discount(call: Call) -> Answer:
    if _line(call).discounts.pop(call.ids["discount"], None) is None:
        raise LINE_ITEMS.absent()
    sales.touch_order(call.merchant, call.ids["id"])
    return Answer({})


def line_fields(merchant: Merchant, body: Any, *, overrides: bool) -> tuple[Record, list[str] | None]:
    """Return the fields of a new line and its named tax rates. Without any, the item's or the default ones apply."""
    given = accept(LINE_ITEMS.shape, body)
    if given.get("item") is None:
        if given.get("price") is None:
            raise bad_request("Invalid line item")
        return given, _named_rates(merchant, body)
    item = merchant.shown("items", given["item"]["id"])
    if item is None:
        raise bad_request("Invalid line item")
    copied = {mine: item[theirs] for theirs, mine in COPIED_FROM_ITEM.items() if theirs in item}
    if item["priceType"] != "PER_UNIT":
        given["unitQty"] = None  # ignored (documented for items sold per unit alone)
    own = {name: value for name, value in given.items() if overrides or name not in {"name", "price", "alternateName"}}
    return {**copied, "price": item["price"], "isRevenue": item["isRevenue"], **without_nulls(own)}, _named_rates(
        merchant, body
    )


def discount_of(merchant: Merchant, body: Any) -> Record:
    """Validate a discount: a name, and a percentage or a negative amount (documented)."""
    fields = without_nulls(accept(DISCOUNTS.shape, body))
    if fields.get("amount", 0) > 0:
        raise bad_request("Discount amount must be negative")
    if not {"amount", "percentage", "percentageDecimal"} & fields.keys():
        raise bad_request("Discount needs an amount or a percentage")
    return {"id": merchant.new_id(), **fields}


def modification_of(merchant: Merchant, line_id: str, body: Any) -> Record:
    """Build the row of a chosen modifier."""
    modifier_id = ref_id("modifier", an_object(body).get("modifier"))
    modifier = merchant.shown("modifiers", modifier_id)
    if modifier is None:
        raise Refused(400, "invalid_modifier", modifier_id)
    return {
        "id": merchant.new_id(),
        "lineItemRef": {"id": line_id},
        "name": modifier["name"],
        "amount": modifier["price"],
        "modifier": {"id": modifier["id"]},
    }


def _overrides(merchant: Merchant, *modes: str) -> bool:
    """Return whether this call takes prices and names of its own on linked items: one of these modes is active."""
    return merchant.shared.switches["linked_prices"] in modes


def _named_rates(merchant: Merchant, body: Any) -> list[str] | None:
    named = body.get("taxRates")
    rows = named.get("elements") if isinstance(named, dict) else named
    if not isinstance(rows, list):
        return None
    ids = [ref_id("taxRate", row) for row in rows]
    if not ids and merchant.shared.switches["empty_tax_rates"] == "defaults":
        return None
    found = merchant.found("tax_rates", ids)
    if merchant.shared.switches["no_tax_applied"] == "adds" and any(each["name"] == NO_TAX for each in found):
        return None
    return [rate["id"] for rate in found]


def check_cap(merchant: Merchant, lines: int) -> None:
    """Raise 400 above the cap of lines per order (documented with two values; a switch)."""
    cap = int(merchant.shared.switches["line_cap"])
    if lines > cap:
        raise bad_request(f"An order cannot have more than {cap} line items")


def _sheet(call: Call) -> Sheet:
    order = call.merchant.objects["orders"].get(call.ids["id"])
    if order is None or "deletedTimestamp" in order:
        raise ORDERS.absent()
    return call.merchant.sheets[call.ids["id"]]


def _line(call: Call) -> Line:
    line = _sheet(call).lines.get(call.ids["line"])
    if line is None:
        raise LINE_ITEMS.absent()
    return line


ROUTES = [
    Route("GET", "orders/{id}/line_items", list_lines, "ORDERS_R"),
    Route("POST", "orders/{id}/line_items", add_line, "ORDERS_W"),
    Route("POST", "orders/{id}/bulk_line_items", add_lines, "ORDERS_W"),
    Route("GET", "orders/{id}/line_items/{line}", read_line, "ORDERS_R"),
    Route("POST", "orders/{id}/line_items/{line}", update_line, "ORDERS_W"),
    Route("DELETE", "orders/{id}/line_items/{line}", delete_line, "ORDERS_W"),
    Route("POST", "orders/{id}/line_items/{line}/modifications", add_modification, "ORDERS_W"),
    Route("DELETE", "orders/{id}/line_items/{line}/modifications/{modification}", delete_modification, "ORDERS_W"),
    Route("POST", "orders/{id}/line_items/{line}/discounts", add_line_discount, "ORDERS_W"),
    Route("DELETE", "orders/{id}/line_items/{line}/discounts/{discount}", delete_line_discount, "ORDERS_W"),
]
