"""What inventory does when something happened elsewhere: rows and marks of its own, never a call."""

from common.contracts.catalog import MerchantConnected, ProductLinked
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.db import merchants
from common.db.inbox import Handlers
from common.db.unit import Priority, Unit
from common.work import table
from inventory import store
from inventory.domain import EVERYTHING, PUSH_STOCK, READ_STOCK, SWEEP

STOCK_KINDS = {"I", "IS", "IA"}
"""A change of stock comes as I today and is announced to come as IS and IA (documented)."""


async def on_merchant_connected(event: MerchantConnected, unit: Unit) -> None:
    """Read everything now; the sweep goes on by itself from there."""
    await merchants.on_merchant_connected(event, unit)
    unit.mark(SWEEP, event.merchant_id, EVERYTHING)


async def on_object_changed(event: ObjectChanged, unit: Unit) -> None:
    """Look at the item, whatever is said to have happened to it."""
    if event.kind in STOCK_KINDS:
        unit.mark(READ_STOCK, event.merchant_id, event.object_id, priority=Priority.LIVE)


async def on_product_linked(event: ProductLinked, unit: Unit) -> None:
    """Know the item by its SKU; what was held for the item it was before has nothing to wait for."""
    for before in await store.link(unit, event.merchant_id, event.item_id, event.sku):
        await table.retry(unit, event.merchant_id, READ_STOCK, before)
        await table.retry(unit, event.merchant_id, PUSH_STOCK, before)
    unit.mark(READ_STOCK, event.merchant_id, event.item_id)


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    """Try again what waits here for this problem."""
    await table.release(unit, event.merchant_id, event.code)


HANDLERS: Handlers = {
    MerchantConnected: on_merchant_connected,
    ObjectChanged: on_object_changed,
    ProductLinked: on_product_linked,
    RecheckRequested: on_recheck_requested,
}
