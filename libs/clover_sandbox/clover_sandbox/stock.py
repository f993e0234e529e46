"""Item counts: absolute writes, deductions by sales, availability, and the events of each."""

import math
from decimal import Decimal

from clover_sandbox.collection import Record
from clover_sandbox.merchant import Merchant, Movement, Stock


def stock_view(merchant: Merchant, item_id: str) -> Record:
    """Return the answer of item_stocks. A never-counted item has no quantity (recorded)."""
    stock = merchant.stocks.get(item_id)
    if stock is None or stock.quantity is None:
        return {"item": {"id": item_id}}
    threshold = {} if stock.alert_threshold is None else {"stockAlertThreshold": float(stock.alert_threshold)}
    return {
        "item": {"id": item_id},
        "stockCount": rounded(stock.quantity),
        "quantity": float(stock.quantity),
        **threshold,
        "modifiedTime": stock.modified,
    }


def is_low(stock: Stock, quantity: Decimal | None) -> bool:
    """Return whether this count is below the item's threshold. Without a threshold no count is low."""
    return stock.alert_threshold is not None and quantity is not None and quantity < stock.alert_threshold


def rounded(quantity: Decimal) -> int:
    """Return the deprecated stockCount, rounded half up: 160.5 gives 161 (documented)."""
    return math.floor(quantity + Decimal("0.5"))


def write_count(merchant: Merchant, item_id: str, quantity: Decimal | None, cause: str) -> None:
    """Overwrite the count, like item_stocks or a recount at the till. None marks the item as never counted."""
    stock = merchant.stocks.setdefault(item_id, Stock())
    if cause == "rest":
        stock.writes += 1
    _set(merchant, item_id, stock, quantity, cause, of_a_sale=False)


def move_count(merchant: Merchant, item_id: str, delta: Decimal, cause: str) -> None:
    """Add to the count if the merchant tracks stock and the item was ever counted."""
    stock = merchant.stocks.get(item_id)
    if stock is not None and stock.quantity is not None and keeps_counts(merchant):
        _set(merchant, item_id, stock, stock.quantity + delta, cause, of_a_sale=True)


def record_till_movement(merchant: Merchant, item_id: str, delta: Decimal) -> None:
    """Record the ground truth: goods that left or came back over the counter."""
    merchant.stocks.setdefault(item_id, Stock()).till_moved += delta


def keeps_counts(merchant: Merchant) -> bool:
    """Return whether sales change counts: updateStock requires trackStock (SDK)."""
    return bool(merchant.properties.get("trackStock")) and bool(merchant.properties.get("updateStock"))


def _set(
    merchant: Merchant, item_id: str, stock: Stock, quantity: Decimal | None, cause: str, *, of_a_sale: bool
) -> None:
    falls_below = is_low(stock, quantity) and not is_low(stock, stock.quantity)
    stock.record(Movement(cause, stock.quantity, quantity, merchant.shared.clock.now() * 1000))
    stock.quantity = quantity
    stock.modified = merchant.now_ms()
    if merchant.shared.switches.on("stock_touches_item"):
        merchant.objects["items"].change(item_id, {"modifiedTime": merchant.now_ms()})
    _emit_count(merchant, item_id, of_a_sale=of_a_sale, falls_below=falls_below)
    follow_availability(merchant, item_id)


def emit_availability(merchant: Merchant, item_id: str) -> None:
    """Emit a change of availability: IA with split keys (announced; its body a guess), else I."""
    if merchant.shared.switches["webhook_stock_keys"] == "I":
        merchant.emit("I", item_id, "UPDATE")
        return
    available = (merchant.objects["items"].get(item_id) or {}).get("available")
    merchant.emit("IA", item_id, "UPDATE", data={"item": {"id": item_id}, "available": available})


def follow_availability(merchant: Merchant, item_id: str) -> None:
    """Update availability with autoManage and trackStock: unavailable up to 0, available from 1 (documented)."""
    item, stock = merchant.objects["items"].get(item_id), merchant.stocks.get(item_id)
    quantity = None if stock is None else stock.quantity
    if quantity is None or item is None or not (item.get("autoManage") and merchant.properties.get("trackStock")):
        return
    available = _available(quantity, merchant.shared.switches["fraction_available"])
    if available is None or available == item["available"]:
        return
    merchant.objects["items"].change(item_id, {"available": available, "modifiedTime": merchant.now_ms()})
    emit_availability(merchant, item_id)


def _available(quantity: Decimal, fraction: str) -> bool | None:
    if quantity <= 0 or (quantity < 1 and fraction == "unavailable"):
        return False
    return True if quantity >= 1 or fraction == "available" else None


def _emit_count(merchant: Merchant, item_id: str, *, of_a_sale: bool, falls_below: bool) -> None:
    """Emit a change of a count. With split keys: IS for writes, recounts and a fall below the threshold (announced)."""
    switches = merchant.shared.switches
    if switches["webhook_stock_keys"] == "I":
        if not of_a_sale or switches.on("sale_tells_item"):
            merchant.emit("I", item_id, "UPDATE")
    elif not of_a_sale or falls_below or switches.on("sale_tells_stock"):
        merchant.emit("IS", item_id, "UPDATE", data=stock_view(merchant, item_id))
