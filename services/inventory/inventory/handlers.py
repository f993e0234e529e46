"""Inventory's reactions to events: they write rows and mark work, and never call Clover."""

from collections.abc import Sequence

from common.contracts.catalog import MerchantConnected, ProductLinked
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.db import merchants
from common.db.inbox import Handlers
from common.db.unit import Priority, Unit
from common.work import table
from inventory.domain.ledger import stock_changed
from inventory.domain.links import hand_over
from inventory.kinds import ALL_ITEMS, PUSH_STOCK, READ_STOCK, SWEEP
from inventory.store import ledger, levels

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
    """Assign the SKU to the item."""
    await link(unit, event.merchant_id, event.sku, event.item_id)


async def link(unit: Unit, merchant_id: str, sku: str, item_id: str) -> None:
    """Assign the SKU to the item and read its count. The previous item of the SKU hands over its count."""
    previous = await levels.assign_sku(unit, merchant_id, item_id, sku)
    if previous:
        await _hand_over(unit, merchant_id, previous, item_id)
    unit.mark(READ_STOCK, merchant_id, item_id)


async def _hand_over(unit: Unit, merchant_id: str, previous: Sequence[str], item_id: str) -> None:
    locked = {each.item_id: each for each in await levels.lock_levels(unit, merchant_id, [*previous, item_id])}
    new, changes = locked[item_id], []
    for old in previous:
        change, new = hand_over(locked[old], new, unit.now)
        changes.append(change)
    movements = [change.movement for change in changes if change.movement]
    await ledger.record(unit, merchant_id, [new, *(change.level for change in changes)], movements)
    unit.emit(*stock_changed(merchant_id, movements))
    for old in previous:
        for kind in (READ_STOCK, PUSH_STOCK):
            # Held work of the old item is no longer wanted. Work that runs just now must not become held after this.
            if not await table.drop(unit, merchant_id, kind, old):
                await table.retry(unit, merchant_id, kind, old)


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    """Retry the work held for this problem."""
    await table.release(unit, event.merchant_id, event.code)


HANDLERS: Handlers = {
    MerchantConnected: on_merchant_connected,
    ObjectChanged: on_object_changed,
    ProductLinked: on_product_linked,
    RecheckRequested: on_recheck_requested,
}
