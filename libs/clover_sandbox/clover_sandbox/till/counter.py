"""Sales at the counter: sell, open and park orders, pay, refund, exchange, void, print."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from clover_sandbox import sales
from clover_sandbox.answers import bad_request
from clover_sandbox.collection import Record
from clover_sandbox.merchant import Line, Merchant
from clover_sandbox.shapes import Shape, Text, Whole, accept, without_nulls
from clover_sandbox.stock import move_count, note_till_movement

Given = Mapping[str, Any]
TENDER_PREFIX = "com.clover.tender."
TITLES: Shape = {"title": Text(127), "note": Text(2047)}
MOST_AT_ONCE = 3000


def sell(merchant: Merchant, given: Given) -> Record:
    """Ring up lines and take the money: an order PAID and locked. `client_time` (ms) makes it one uploaded late."""
    order = _ring_up(merchant, given)
    return pay_order(merchant, {**given, "order": order["id"]})


def open_order(merchant: Merchant, given: Given) -> Record:
    """Ring up lines without payment: a price check."""
    return _shown(merchant, _ring_up(merchant, given)["id"])


def park_order(merchant: Merchant, given: Given) -> Record:
    """A tab put aside under a title."""
    return open_order(merchant, {"title": "Tab", **given})


def pay_order(merchant: Merchant, given: Given) -> Record:
    """Take the money for an open order, all or `amount` cents of it; goods leave when it is paid in full."""
    order = _order(merchant, given)
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
        _hand_over(merchant, order["id"])
    return {**_shown(merchant, order["id"]), "payment": payment["id"]}


def refund(merchant: Merchant, given: Given) -> Record:
    """Give money back for `lines` (ids; absent: all). `restock` says whether the goods return to the count."""
    order = _order(merchant, given)
    sheet = merchant.sheets[order["id"]]
    if not sheet.payment_ids:
        raise bad_request("an unpaid order cannot be refunded")
    lines = _lines(merchant, order["id"], given.get("lines"))
    amount = Whole(0).check("amount", given.get("amount", sum(_price(line) for line in lines)))
    restock = given.get("restock", merchant.around.switches.on("restock_on_refund"))
    for line in lines:
        line.record["refunded"] = True
        _return(merchant, line, to_count=bool(restock))
    row = _refund_row(merchant, order["id"], sheet.payment_ids[-1], amount, lines)
    back = sum(each["amount"] for each in merchant.objects["refunds"] if each["orderRef"]["id"] == order["id"])
    whole = back >= sales.paid(merchant, sheet)
    sales.touch_order(merchant, order["id"], paymentState="REFUNDED" if whole else "PARTIALLY_REFUNDED")
    return {**_shown(merchant, order["id"]), "refund": row["id"]}


def exchange(merchant: Merchant, given: Given) -> Record:
    """Take a line back and hand over another: the old row is `exchanged`, the new one replaces it in the total."""
    order = _order(merchant, given)
    (old,) = _lines(merchant, order["id"], [given.get("line")])
    (fields, *_) = _rows(merchant, {"lines": [given.get("with")]})
    old.record["exchanged"] = True
    _return(merchant, old, to_count=True)
    new = sales.add_line(merchant, order["id"], {**fields, "exchangedLineItem": {"id": old.record["id"]}})
    sales.take(merchant, new)
    _leave(merchant, new)
    total = sales.computed_totals(merchant, order, merchant.sheets[order["id"]]).total
    sales.touch_order(merchant, order["id"], total=total)
    return {**_shown(merchant, order["id"]), "line": new.record["id"]}


def void_line(merchant: Merchant, given: Given) -> Record:
    """Strike a row off an order; the total follows."""
    order = _order(merchant, given)
    (line,) = _lines(merchant, order["id"], [given.get("line")])
    sales.remove_line(merchant, order["id"], line.record["id"], given.get("reason"))
    return recalculate(merchant, given)


def print_receipt(merchant: Merchant, given: Given) -> Record:
    """Printing locks an order, paid or not (reported)."""
    order = _order(merchant, given)
    sales.touch_order(merchant, order["id"], state="locked")
    return _shown(merchant, order["id"])


def recalculate(merchant: Merchant, given: Given) -> Record:
    """Opening an order on a device recalculates its total (reported)."""
    order = _order(merchant, given)
    total = sales.computed_totals(merchant, order, merchant.sheets[order["id"]]).total
    sales.touch_order(merchant, order["id"], total=total)
    return _shown(merchant, order["id"])


def delete_order(merchant: Merchant, given: Given) -> Record:
    """Delete an order at the counter."""
    order = _order(merchant, given)
    sales.delete_order(merchant, order["id"])
    return {"order": order["id"]}


def item_of(merchant: Merchant, given: Given) -> Record:
    """The item named by `item` (id) or `sku`, or 400."""
    found = merchant.shown("items", str(given.get("item")))
    if found is None and "sku" in given:
        found = next(iter(merchant.objects["items"].having("sku", [given["sku"]]) or ()), None)
    if found is None:
        raise bad_request("name an item by item (its id) or sku")
    return found


def quantity_in(given: Given, default: int | None = None) -> Decimal:
    """The `quantity`, a number, or 400."""
    value = given.get("quantity", default)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise bad_request("quantity must be a number")
    quantity = Decimal(str(value))
    if not quantity.is_finite():
        raise bad_request("quantity must be a number")
    return quantity


def _ring_up(merchant: Merchant, given: Given) -> Record:
    rows = _rows(merchant, given)
    fields = {"state": "open", **accept(TITLES, dict(given)), "clientCreatedTime": _client_time(given)}
    fields["orderType"] = _order_type(merchant, given.get("order_type"))
    fields["employee"] = {"id": merchant.owner_id}
    order = sales.open_order(merchant, fields, from_till=True)
    for row in rows:
        sales.add_line(merchant, order["id"], row)
    total = sales.computed_totals(merchant, order, merchant.sheets[order["id"]]).total
    return sales.touch_order(merchant, order["id"], total=total)


def _rows(merchant: Merchant, given: Given) -> list[Record]:
    """Rows for the lines asked for: one per unit, one with a unitQty for items sold per unit."""
    lines = given.get("lines", [given])
    if not isinstance(lines, list) or not lines or not all(isinstance(each, dict) for each in lines):
        raise bad_request("lines must be a list of objects")
    return [row for line in lines for row in _rows_of(merchant, line)]


def _rows_of(merchant: Merchant, line: Given) -> list[Record]:
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


def _order(merchant: Merchant, given: Given) -> Record:
    order = merchant.objects["orders"].get(str(given.get("order")))
    if order is None or "deletedTimestamp" in order:
        raise bad_request("there is no such order")
    return order


def _lines(merchant: Merchant, order_id: str, ids: Any) -> list[Line]:
    lines = merchant.sheets[order_id].lines
    if ids is None:
        return [line for line in lines.values() if not line.record["refunded"]]
    if not isinstance(ids, list) or any(each not in lines for each in ids):
        raise bad_request("there is no such line on this order")
    return [lines[each] for each in ids]


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


def _refund_row(merchant: Merchant, order_id: str, payment_id: str, amount: int, lines: list[Line]) -> Record:
    now = merchant.now_ms()
    row = {
        "id": merchant.new_id(),
        "orderRef": {"id": order_id},
        "payment": {"id": payment_id},
        "amount": amount,
        "taxAmount": 0,
        "createdTime": now,
        "clientCreatedTime": now,
        "modifiedTime": now,
        "lineItems": {"elements": [{"id": line.record["id"]} for line in lines]},
    }
    merchant.objects["refunds"].add(row)
    merchant.tell("P", payment_id, "UPDATE")
    return row


def _hand_over(merchant: Merchant, order_id: str) -> None:
    for line in merchant.sheets[order_id].lines.values():
        _leave(merchant, line)


def _leave(merchant: Merchant, line: Line) -> None:
    if "item" in line.record:
        note_till_movement(merchant, line.record["item"]["id"], -sales.quantity_of(line))


def _return(merchant: Merchant, line: Line, *, to_count: bool) -> None:
    if "item" not in line.record:
        return
    if to_count:
        move_count(merchant, line.record["item"]["id"], sales.quantity_of(line), "refund")
        line.taken = Decimal(0)
        note_till_movement(merchant, line.record["item"]["id"], sales.quantity_of(line))


def _price(line: Line) -> int:
    extra: int = sum(each["amount"] for each in line.modifications.values())
    return int(line.record.get("price", 0) * sales.quantity_of(line)) + extra


def _shown(merchant: Merchant, order_id: str) -> Record:
    order = merchant.objects["orders"].get(order_id) or {}
    lines = [line.record["id"] for line in merchant.sheets[order_id].lines.values()]
    return {"order": order_id, "total": order.get("total"), "state": order.get("state"), "lines": lines}
