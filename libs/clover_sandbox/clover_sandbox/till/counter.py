"""Sales at the counter: sell, open and park orders, pay, void, print, delete."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from clover_sandbox import sales
from clover_sandbox.answers import bad_request
from clover_sandbox.collection import Record
from clover_sandbox.merchant import Line, Merchant
from clover_sandbox.shapes import Shape, Text, Whole, accept, without_nulls

Given = Mapping[str, Any]
UNPAID = frozenset({"OPEN", "PARTIALLY_PAID"})
TENDER_PREFIX = "com.clover.tender."
TITLES: Shape = {"title": Text(127), "note": Text(2047)}
MOST_AT_ONCE = 3000


def sell(merchant: Merchant, given: Given) -> Record:
    """Create a paid and locked order. `client_time` (ms) makes it a sale that the device uploads late."""
    order = _ring_up(merchant, given)
    return pay_order(merchant, {**given, "order": order["id"]})


def open_order(merchant: Merchant, given: Given) -> Record:
    """Create an order without payment, like a price check."""
    return shown(merchant, _ring_up(merchant, given)["id"])


def park_order(merchant: Merchant, given: Given) -> Record:
    """Park an open order under a title."""
    return open_order(merchant, {"title": "Tab", **given})


def pay_order(merchant: Merchant, given: Given) -> Record:
    """Pay an open order, in full or `amount` cents. The goods leave once it is paid in full."""
    order = order_of(merchant, given)
    if order.get("paymentState", "OPEN") not in UNPAID:
        raise bad_request("this order is paid already")
    left = sales.due(merchant, order) - sales.paid(merchant, merchant.sheets[order["id"]])
    fields = {
        "tender": {"id": _tender(merchant, given)},
        "amount": Whole(0).check("amount", given.get("amount", left)),
        "tipAmount": Whole(0).check("tip", given.get("tip", 0)),
        "clientCreatedTime": _client_time(given),
        "offline": False,
    }
    payment = sales.pay(merchant, order["id"], without_nulls(fields))
    if order["paymentState"] == "PAID":
        for line in merchant.sheets[order["id"]].lines.values():
            sales.hand_over(merchant, line)
    return {**shown(merchant, order["id"]), "payment": payment["id"]}


def void_line(merchant: Merchant, given: Given) -> Record:
    """Void a line of an order and recalculate the total."""
    order = order_of(merchant, given)
    (line,) = lines_of(merchant, order["id"], [given.get("line")])
    sales.remove_line(merchant, order["id"], line.record["id"], given.get("reason"))
    return recalculate(merchant, given)


def print_receipt(merchant: Merchant, given: Given) -> Record:
    """Print a receipt, which locks the order, paid or not (reported)."""
    order = order_of(merchant, given)
    sales.touch_order(merchant, order["id"], state="locked")
    return shown(merchant, order["id"])


def recalculate(merchant: Merchant, given: Given) -> Record:
    """Open an order on a device, which recalculates its total (reported)."""
    order = order_of(merchant, given)
    sales.touch_order(merchant, order["id"], total=total_of(merchant, order))
    return shown(merchant, order["id"])


def delete_order(merchant: Merchant, given: Given) -> Record:
    """Delete an order at the counter."""
    order = order_of(merchant, given)
    sales.delete_order(merchant, order["id"])
    return {"order": order["id"]}


def item_of(merchant: Merchant, given: Given) -> Record:
    """Return the item named by `item` (id) or `sku`, or raise 400."""
    found = merchant.shown("items", str(given.get("item")))
    if found is None and "sku" in given:
        found = next(iter(merchant.objects["items"].having("sku", [given["sku"]]) or ()), None)
    if found is None:
        raise bad_request("name an item by item (its id) or sku")
    return found


def quantity_in(given: Given, default: int | None = None) -> Decimal:
    """Return the number `quantity`, or raise 400."""
    value = given.get("quantity", default)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise bad_request("quantity must be a number")
    quantity = Decimal(str(value))
    if not quantity.is_finite():
        raise bad_request("quantity must be a number")
    return quantity


def order_of(merchant: Merchant, given: Given) -> Record:
    """Return the order named by `order`, or raise 400."""
    order = merchant.objects["orders"].get(str(given.get("order")))
    if order is None or "deletedTimestamp" in order:
        raise bad_request("there is no such order")
    return order


def lines_of(merchant: Merchant, order_id: str, ids: Any) -> list[Line]:
    """Return the lines with these ids without repeats, or raise 400."""
    lines = merchant.sheets[order_id].lines
    if not isinstance(ids, list) or any(each not in lines for each in ids):
        raise bad_request("there is no such line on this order")
    return [lines[each] for each in dict.fromkeys(ids)]


def total_of(merchant: Merchant, order: Record) -> int:
    """Return the total that a device calculates, in cents."""
    return sales.computed_totals(merchant, order, merchant.sheets[order["id"]]).total


def rows_of(merchant: Merchant, given: Given) -> list[Record]:
    """Build the line rows: one per unit, or one with a unitQty for items sold per unit."""
    lines = given.get("lines", [given])
    if not isinstance(lines, list) or not lines or not all(isinstance(each, dict) for each in lines):
        raise bad_request("lines must be a list of objects")
    return [row for line in lines for row in _rows_of_line(merchant, line)]


def shown(merchant: Merchant, order_id: str) -> Record:
    """Return the till's view of an order."""
    order = merchant.objects["orders"].get(order_id) or {}
    lines = [line.record["id"] for line in merchant.sheets[order_id].lines.values()]
    return {"order": order_id, "total": order.get("total"), "state": order.get("state"), "lines": lines}


def _ring_up(merchant: Merchant, given: Given) -> Record:
    rows = rows_of(merchant, given)
    fields = {"state": "open", **accept(TITLES, dict(given)), "clientCreatedTime": _client_time(given)}
    fields["orderType"] = _order_type(merchant, given.get("order_type"))
    fields["employee"] = {"id": merchant.owner_id}
    order = sales.open_order(merchant, fields, from_till=True)
    for row in rows:
        sales.add_line(merchant, order["id"], row)
    return sales.touch_order(merchant, order["id"], total=total_of(merchant, order))


def _rows_of_line(merchant: Merchant, line: Given) -> list[Record]:
    quantity = quantity_in(line, 1)
    if not 0 < quantity <= MOST_AT_ONCE:
        raise bad_request(f"quantity must be more than 0 and at most {MOST_AT_ONCE}")
    if "item" not in line and "sku" not in line:
        row = {"name": str(line.get("name", "Custom item")), "price": Whole().check("price", line.get("price"))}
        return [dict(row) for _ in range(int(quantity))]
    item = item_of(merchant, line)
    price = Whole(0).check("price", line.get("price", item["price"]))
    row = {"item": {"id": item["id"]}, "name": item["name"], "price": price}
    row.update({mine: item[its] for its, mine in (("code", "itemCode"), ("unitName", "unitName")) if its in item})
    if item["priceType"] == "PER_UNIT":
        return [{**row, "unitQty": int(quantity * 1000)}]
    return [dict(row) for _ in range(int(quantity))]


def _client_time(given: Given) -> int | None:
    return None if given.get("client_time") is None else Whole(0).check("client_time", given["client_time"])


def _tender(merchant: Merchant, given: Given) -> str:
    key = str(given.get("tender", "cash"))
    key = key if key.startswith("com.") else TENDER_PREFIX + key
    found = next(iter(merchant.objects["tenders"].having("labelKey", [key]) or ()), None)
    if found is None:
        raise bad_request(f"there is no tender {key}")
    return str(found["id"])


def _order_type(merchant: Merchant, label: str | None) -> Record | None:
    if label is None:
        return None
    for each in merchant.objects["order_types"]:
        if label in {each.get("label"), each["id"]}:
            return {"id": each["id"]}
    raise bad_request(f"there is no order type {label}")
