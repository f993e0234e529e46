"""Counts of items: absolute writes, what sales take, availability, and who is told."""

import math
from decimal import Decimal

from clover_sandbox.collection import Record
from clover_sandbox.merchant import Merchant, Movement, Stock


def stock_view(merchant: Merchant, item_id: str) -> Record:
    """The answer of item_stocks: a never-counted item has no quantity (recorded)."""
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
    """Whether this count would be below the item's threshold; without one none is."""
    return stock.alert_threshold is not None and quantity is not None and quantity < stock.alert_threshold


def rounded(quantity: Decimal) -> int:
    """The deprecated stockCount: half up, 160.5 is 161 (documented)."""
    return math.floor(quantity + Decimal("0.5"))


def write_count(merchant: Merchant, item_id: str, quantity: Decimal | None, cause: str) -> None:
    """Overwrite the count, as item_stocks and a recount at the till do; `None` makes it never-counted."""
    stock = merchant.stocks.setdefault(item_id, Stock())
    if cause == "rest":
        stock.writes += 1
    _set(merchant, item_id, stock, quantity, cause, of_a_sale=False)


def move_count(merchant: Merchant, item_id: str, delta: Decimal, cause: str) -> None:
    """Add to the count if Clover keeps it up to date for this merchant and the item was ever counted."""
    stock = merchant.stocks.get(item_id)
    if stock is not None and stock.quantity is not None and keeps_counts(merchant):
        _set(merchant, item_id, stock, stock.quantity + delta, cause, of_a_sale=True)


def note_till_movement(merchant: Merchant, item_id: str, delta: Decimal) -> None:
    """Keep the truth: goods that really left or came back over the counter."""
    merchant.stocks.setdefault(item_id, Stock()).till_moved += delta


def keeps_counts(merchant: Merchant) -> bool:
    """Whether Clover follows sales: its updateStock requires its trackStock (SDK)."""
    return bool(merchant.properties.get("trackStock")) and bool(merchant.properties.get("updateStock"))


def _set(
    merchant: Merchant, item_id: str, stock: Stock, quantity: Decimal | None, cause: str, *, of_a_sale: bool
) -> None:
    falls_below = is_low(stock, quantity) and not is_low(stock, stock.quantity)
    stock.note(Movement(cause, stock.quantity, quantity, merchant.shared.clock.now() * 1000))
    stock.quantity = quantity
    stock.modified = merchant.now_ms()
    if merchant.shared.switches.on("stock_touches_item"):
        merchant.objects["items"].change(item_id, {"modifiedTime": merchant.now_ms()})
    _tell_count(merchant, item_id, of_a_sale=of_a_sale, falls_below=falls_below)
    follow_availability(merchant, item_id)


def tell_availability(merchant: Merchant, item_id: str) -> None:
    """Say that an item can be bought or no longer: IA with keys split (announced; its body a guess), else I."""
    if merchant.shared.switches["webhook_stock_keys"] == "I":
        merchant.tell("I", item_id, "UPDATE")
        return
    available = (merchant.objects["items"].get(item_id) or {}).get("available")
    merchant.tell("IA", item_id, "UPDATE", data={"item": {"id": item_id}, "available": available})


def follow_availability(merchant: Merchant, item_id: str) -> None:
    """With autoManage and trackStock: at or below 0 unavailable, from 1 available (documented)."""
    item, stock = merchant.objects["items"].get(item_id), merchant.stocks.get(item_id)
    quantity = None if stock is None else stock.quantity
    if quantity is None or item is None or not (item.get("autoManage") and merchant.properties.get("trackStock")):
        return
    available = _available(quantity, merchant.shared.switches["fraction_available"])
    if available is None or available == item["available"]:
        return
    merchant.objects["items"].change(item_id, {"available": available, "modifiedTime": merchant.now_ms()})
    tell_availability(merchant, item_id)


def _available(quantity: Decimal, fraction: str) -> bool | None:
    if quantity <= 0 or (quantity < 1 and fraction == "unavailable"):
        return False
    return True if quantity >= 1 or fraction == "available" else None


def _tell_count(merchant: Merchant, item_id: str, *, of_a_sale: bool, falls_below: bool) -> None:
    """With keys split IS is sent for writes and recounts, and when a count falls below its threshold (announced)."""
    switches = merchant.shared.switches
    if switches["webhook_stock_keys"] == "I":
        if not of_a_sale or switches.on("sale_tells_item"):
            merchant.tell("I", item_id, "UPDATE")
    elif not of_a_sale or falls_below or switches.on("sale_tells_stock"):
        merchant.tell("IS", item_id, "UPDATE", data=stock_view(merchant, item_id))
