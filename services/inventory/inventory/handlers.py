"""Inventory's reactions to events: they write rows and mark work, and never call Clover."""

from collections.abc import Sequence
from datetime import datetime

from common.contracts.catalog import MerchantConnected, MerchantDisconnected, ProductLinked, ProductUnlinked
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.contracts.orders import PosRefundRecorded, PosSaleRecorded, SoldLine
from common.contracts.problems import Code
from common.db import links, merchants
from common.db.inbox import Handlers
from common.db.unit import Priority, Unit
from common.work import table
from inventory.domain.sales import TillSale
from inventory.kinds import ALL_ITEMS, READ_STOCK, SWEEP
from inventory.links import apply_links, apply_sales

STOCK_OBJECTS = {"I", "IS", "IA"}
"""A stock change arrives as I today; Clover announced IS and IA for it (documented)."""


async def on_merchant_connected(event: MerchantConnected, unit: Unit) -> None:
    """Attempt the work again that waited for the connection, and start the sweep, which then repeats."""
    if await merchants.save(unit, event):
        await table.release(unit, event.merchant_id, Code.CONNECTION_LOST)
        unit.mark(SWEEP, event.merchant_id, ALL_ITEMS, priority=Priority.BULK)


async def on_merchant_disconnected(event: MerchantDisconnected, unit: Unit) -> None:
    """End the sweep, which finds the merchant disconnected. Other work is held when it next asks for access."""
    if await merchants.save(unit, event):
        unit.mark(SWEEP, event.merchant_id, ALL_ITEMS, priority=Priority.BULK)


async def on_object_changed(event: ObjectChanged, unit: Unit) -> None:
    """Read the item's count. The action is ignored, as webhooks may arrive late or out of order."""
    if event.kind in STOCK_OBJECTS:
        unit.mark(READ_STOCK, event.merchant_id, event.object_id, priority=Priority.LIVE)


async def on_product_linked(event: ProductLinked, unit: Unit) -> None:
    """Assign the SKU to the item."""
    unit.gather(apply_links, event.merchant_id, links.link_of(event))


async def on_product_unlinked(event: ProductUnlinked, unit: Unit) -> None:
    """Take the SKU from the item, and let the item that replaces it take over the stock."""
    unit.gather(apply_links, event.merchant_id, links.link_of(event))


async def on_pos_sale_recorded(event: PosSaleRecorded, unit: Unit) -> None:
    """Keep what was sold, and read the counts of the items.

    A sale may change them without a webhook of theirs: Clover announced that it will. The count itself decides, so a
    sale that is published twice changes nothing. A webhook of the item is served first.
    """
    _note(unit, event.merchant_id, event.lines, event.sold_at, sign=-1)


async def on_pos_refund_recorded(event: PosRefundRecorded, unit: Unit) -> None:
    """Keep what was returned, and read the counts of the items, as after a sale."""
    _note(unit, event.merchant_id, event.lines, event.returned_at, sign=1)


def _note(unit: Unit, merchant_id: str, lines: Sequence[SoldLine], at: datetime, sign: int) -> None:
    for line in lines:
        if line.item_id:
            unit.mark(READ_STOCK, merchant_id, line.item_id)
        if line.item_id and line.quantity:
            unit.gather(apply_sales, merchant_id, TillSale(line.item_id, sign * line.quantity, at, unit.now))


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    """Retry the work that waits under this problem."""
    await table.release(unit, event.merchant_id, event.code)


HANDLERS: Handlers = {
    MerchantConnected: on_merchant_connected,
    MerchantDisconnected: on_merchant_disconnected,
    ObjectChanged: on_object_changed,
    ProductLinked: on_product_linked,
    ProductUnlinked: on_product_unlinked,
    RecheckRequested: on_recheck_requested,
    PosSaleRecorded: on_pos_sale_recorded,
    PosRefundRecorded: on_pos_refund_recorded,
}
