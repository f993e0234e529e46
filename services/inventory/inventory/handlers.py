"""Inventory's reactions to events: they write rows and mark work, and never call Clover."""

from common.contracts.catalog import MerchantConnected, ProductLinked
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.db import merchants
from common.db.inbox import Handlers
from common.db.unit import Priority, Unit
from common.work import table
from inventory.kinds import ALL_ITEMS, PUSH_STOCK, READ_STOCK, SWEEP
from inventory.store import levels

STOCK_OBJECTS = {"I", "IS", "IA"}
"""A stock change arrives as I today; Clover announced IS and IA for it (documented)."""


async def on_merchant_connected(event: MerchantConnected, unit: Unit) -> None:
    """Start the sweep, which then repeats."""
    await merchants.on_merchant_connected(event, unit)
    unit.mark(SWEEP, event.merchant_id, ALL_ITEMS)


async def on_object_changed(event: ObjectChanged, unit: Unit) -> None:
    """Read the item's count. The action is ignored, as webhooks may arrive late or out of order."""
    if event.kind in STOCK_OBJECTS:
        unit.mark(READ_STOCK, event.merchant_id, event.object_id, priority=Priority.LIVE)


async def on_product_linked(event: ProductLinked, unit: Unit) -> None:
    """Assign the SKU to the item, and retry the work held for its previous item, which ends without a link."""
    for previous in await levels.assign_sku(unit, event.merchant_id, event.item_id, event.sku):
        await table.retry(unit, event.merchant_id, READ_STOCK, previous)
        await table.retry(unit, event.merchant_id, PUSH_STOCK, previous)
    unit.mark(READ_STOCK, event.merchant_id, event.item_id)


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    """Retry the work held for this problem."""
    await table.release(unit, event.merchant_id, event.code)


HANDLERS: Handlers = {
    MerchantConnected: on_merchant_connected,
    ObjectChanged: on_object_changed,
    ProductLinked: on_product_linked,
    RecheckRequested: on_recheck_requested,
}
