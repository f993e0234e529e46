"""Order rules shared by REST and the till: lines, payments, stock deduction, locking, deletion."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from clover_sandbox import totals
from clover_sandbox.answers import bad_request
from clover_sandbox.collection import Record
from clover_sandbox.merchant import Line, Merchant, Sheet
from clover_sandbox.shapes import without_nulls
from clover_sandbox.stock import move_count, record_till_movement

UNIT = Decimal(1000)


def blank_order(merchant: Merchant, fields: Record) -> Record:
    """Build an order's record without storing it. It has no state and no total unless given (recorded)."""
    now = merchant.now_ms()
    return {
        "id": merchant.new_id(),
        "currency": merchant.currency,
        "taxRemoved": False,
        "isVat": bool(merchant.properties.get("vat")),
        "manualTransaction": False,
        "groupLineItems": True,
        "testMode": False,
        "createdTime": now,
        "clientCreatedTime": now,
        "modifiedTime": now,
        **without_nulls(fields),
    }


def file_order(merchant: Merchant, record: Record, sheet: Sheet) -> Record:
    """Store an order. Without a state it is a draft, which lists hide (documented)."""
    if "state" in record:
        record["paymentState"] = "OPEN"
    merchant.sheets[record["id"]] = sheet
    merchant.objects["orders"].add(record, shown="state" in record)
    if "state" in record or merchant.shared.switches.on("draft_tells_order"):
        merchant.emit("O", record["id"], "CREATE")
    return record


def open_order(merchant: Merchant, fields: Record, *, from_till: bool = False) -> Record:
    """Create an empty order."""
    return file_order(merchant, blank_order(merchant, fields), blank_sheet(merchant, from_till=from_till))


def blank_sheet(merchant: Merchant, *, from_till: bool = False) -> Sheet:
    """Build the empty sheet of a new order."""
    return Sheet(merchant.shared.clock.monotonic(), from_till)


def touch_order(merchant: Merchant, order_id: str, **changes: Any) -> Record:
    """Change an order, update its modifiedTime and emit the event. A state makes a draft visible."""
    orders = merchant.objects["orders"]
    before = orders.get(order_id) or {}
    has_state = changes.get("state", before.get("state")) is not None
    if has_state and "paymentState" not in before:
        changes.setdefault("paymentState", "OPEN")
    changes["modifiedTime"] = merchant.now_ms()
    record = orders.change(order_id, changes, shown=has_state and "deletedTimestamp" not in before)
    merchant.emit("O", order_id, "UPDATE")
    return record


def blank_line(merchant: Merchant, order: Record, fields: Record, tax_rate_ids: list[str] | None = None) -> Line:
    """Build a line without adding it. `fields` already has name and price; absent rates default to the item's."""
    record = {
        "id": merchant.new_id(),
        "orderRef": {"id": order["id"]},
        **without_nulls(as_kept(merchant, fields)),
        "printed": False,
        "createdTime": merchant.now_ms(),
        "orderClientCreatedTime": order.get("clientCreatedTime", order["createdTime"]),
        "exchanged": False,
        "refunded": False,
        "isRevenue": bool(fields.get("isRevenue", True)),
        "isOrderFee": False,
    }
    return Line(record, tax_rate_ids=default_rates(merchant, record) if tax_rate_ids is None else tax_rate_ids)


def as_kept(merchant: Merchant, fields: Record) -> Record:
    """Return those fields of a line that Clover keeps: a switch decides about userData."""
    dropped = "userData" if merchant.shared.switches["line_user_data"] == "dropped" else None
    return {name: value for name, value in fields.items() if name != dropped}


def add_line(merchant: Merchant, order_id: str, fields: Record, tax_rate_ids: list[str] | None = None) -> Line:
    """Add a line, deduct stock if that is the policy, and open a draft (documented; a switch)."""
    sheet = merchant.sheets[order_id]
    order = merchant.objects["orders"].get(order_id) or {}
    line = blank_line(merchant, order, fields, tax_rate_ids)
    sheet.lines[line.record["id"]] = line
    if policy(merchant, sheet) == "on_line_item":
        take(merchant, line)
    if "state" not in order and merchant.shared.switches.on("line_opens_draft"):
        touch_order(merchant, order_id, state="open")
    return line


def default_rates(merchant: Merchant, line: Record) -> list[str]:
    """Return the tax rates of a line: the item's, else the merchant's defaults."""
    item = merchant.objects["items"].get(line["item"]["id"]) if "item" in line else None
    own = merchant.ties["tax_rate_items"].lefts_of(item["id"]) if item else []
    if own or (item and not item.get("defaultTaxRates", True)):
        return own
    return [rate["id"] for rate in merchant.objects["tax_rates"] if rate.get("isDefault")]


def remove_line(merchant: Merchant, order_id: str, line_id: str, reason: str | None) -> None:
    """Void a line. A switch decides whether its stock is restored."""
    sheet = merchant.sheets[order_id]
    line = sheet.lines.pop(line_id)
    sheet.voided.append(without_nulls({"lineItem": line.record, "reason": reason, "deletedTime": merchant.now_ms()}))
    if merchant.shared.switches.on("restock_on_delete"):
        put_back(merchant, line, "line deleted")
    touch_order(merchant, order_id)


def attach_customers(merchant: Merchant, order_id: str, customer_ids: list[str]) -> None:
    """Replace the order's customers."""
    merchant.sheets[order_id].customer_ids = customer_ids
    merchant.ties["customer_orders"].untie(None, order_id)
    for each in customer_ids:
        merchant.ties["customer_orders"].tie(each, order_id)


def delete_order(merchant: Merchant, order_id: str) -> None:
    """Delete an order softly (documented). A switch decides whether its stock is restored."""
    sheet = merchant.sheets[order_id]
    if sheet.payment_ids and merchant.shared.switches["delete_paid_order"] == "refuse":
        raise bad_request("Order has payments and cannot be deleted")
    if merchant.shared.switches.on("restock_on_delete"):
        for line in sheet.lines.values():
            put_back(merchant, line, "order deleted")
    now = merchant.now_ms()
    merchant.objects["orders"].change(order_id, {"deletedTimestamp": now, "modifiedTime": now}, shown=False)
    merchant.emit("O", order_id, "DELETE")


def pay(merchant: Merchant, order_id: str, fields: Record) -> Record:
    """Record a payment. An order paid in full becomes PAID and, by switch, locked (reported by clients)."""
    order = merchant.objects["orders"].get(order_id) or {}
    sheet = merchant.sheets[order_id]
    if paid(merchant, sheet) + fields["amount"] > due(merchant, order) and _refuses_overpayment(merchant):
        raise bad_request("Payment amount exceeds the order total")
    now = merchant.now_ms()
    payment = {
        "id": merchant.new_id(),
        "order": {"id": order_id},
        "tipAmount": 0,
        "taxAmount": 0,
        "cashbackAmount": 0,
        "clientCreatedTime": now,
        "createdTime": now,
        **without_nulls(fields),
        "modifiedTime": now,
        "result": "SUCCESS",
    }
    merchant.objects["payments"].add(payment)
    sheet.payment_ids.append(payment["id"])
    merchant.emit("P", payment["id"], "CREATE")
    _follow_payments(merchant, order, sheet)
    return payment


def paid(merchant: Merchant, sheet: Sheet) -> int:
    """Return the sum of successful payments without tips, in cents."""
    return sum(each["amount"] for each in merchant.found("payments", sheet.payment_ids) if each["result"] == "SUCCESS")


def due(merchant: Merchant, order: Record) -> int:
    """Return the amount due: the order's total, else the sum of its lines (a guess for orders without a total)."""
    return order["total"] if "total" in order else computed_totals(merchant, order, merchant.sheets[order["id"]]).total


def computed_totals(merchant: Merchant, order: Record, sheet: Sheet) -> totals.Totals:
    """Return the totals that a device calculates when it opens the order."""
    charge = sheet.service_charge
    return totals.compute(
        totals.Sale(
            lines=[_as_computed(merchant, line) for line in sheet.lines.values()],
            discounts=totals.discounts_of(sheet.discounts.values()),
            service_part=totals.part_of(charge) if charge and charge.get("enabled", True) else 0,
            tax_removed=bool(order.get("taxRemoved")),
            vat=bool(order.get("isVat")),
            manual=bool(order.get("manualTransaction")),
        )
    )


def policy(merchant: Merchant, sheet: Sheet) -> str:
    """Return the mode that decides when this order deducts stock."""
    return merchant.shared.switches["till_deducts" if sheet.from_till else "deduct"]


def take(merchant: Merchant, line: Line) -> None:
    """Deduct the line's quantity from the count, once."""
    if "item" in line.record and not line.taken:
        line.taken = quantity_of(line)
        move_count(merchant, line.record["item"]["id"], -line.taken, "sale")


def put_back(merchant: Merchant, line: Line, cause: str) -> None:
    """Return the line's deducted quantity to the count."""
    if line.taken:
        move_count(merchant, line.record["item"]["id"], line.taken, cause)
        line.taken = Decimal(0)


def hand_over(merchant: Merchant, line: Line) -> None:
    """Record that the line's goods leave the store, once."""
    if not line.handed:
        line.handed = quantity_of(line)
        if "item" in line.record:
            record_till_movement(merchant, line.record["item"]["id"], -line.handed)


def quantity_of(line: Line) -> Decimal:
    """Return the line's quantity: 1, or the thousandths of a unit for items sold per unit."""
    return Decimal(line.record["unitQty"]) / UNIT if "unitQty" in line.record else Decimal(1)


def _refuses_overpayment(merchant: Merchant) -> bool:
    return merchant.shared.switches["overpayment"] == "refuse"


def _follow_payments(merchant: Merchant, order: Record, sheet: Sheet) -> None:
    if paid(merchant, sheet) < due(merchant, order):
        touch_order(merchant, order["id"], paymentState="PARTIALLY_PAID", state=order.get("state", "open"))
        return
    locked = merchant.shared.switches.on("paid_locks")
    touch_order(merchant, order["id"], paymentState="PAID", state="locked" if locked else order.get("state", "open"))
    for line in sheet.lines.values():
        if policy(merchant, sheet) == "on_payment":
            take(merchant, line)
        if sheet.from_till:
            hand_over(merchant, line)


def out_of_total(line: Line) -> bool:
    """Return whether the line was returned, and so left the total (documented)."""
    return bool(line.record.get("exchanged") or line.record.get("refunded"))


def _as_computed(merchant: Merchant, line: Line) -> totals.Line:
    return totals.Line(
        price=line.record.get("price", 0),
        units=line.record.get("unitQty"),
        modifications=[each["amount"] for each in line.modifications.values()],
        discounts=totals.discounts_of(line.discounts.values()),
        rates=tuple(_rates(merchant, line.tax_rate_ids)),
        refunded=bool(line.record.get("refunded")),
        exchanged=bool(line.record.get("exchanged")),
        fee=bool(line.record.get("isOrderFee")),
    )


def _rates(merchant: Merchant, ids: Iterable[str]) -> Iterable[totals.Rate]:
    for rate in merchant.found("tax_rates", ids):
        yield totals.Rate(rate["id"], rate.get("rate", 0), rate.get("taxAmount", 0))
