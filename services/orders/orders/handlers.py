"""What orders does when something happened elsewhere: rows and marks of its own, never a call."""

from common.contracts.catalog import MerchantConnected, ProductLinked
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.db import merchants
from common.db.inbox import Handlers
from common.db.unit import Priority, Unit
from common.work import table
from orders import store
from orders.domain.setup import FIND_SETUP, SETUP_CODES, SETUP_KEY

SETUP_HINTS = {"O", "A", "M"}
"""Clover tells of no change of order types or tenders; whoever makes one also does some of these."""


async def on_product_linked(event: ProductLinked, unit: Unit) -> None:
    """Lines with this SKU are this item from now on."""
    store.save_link(unit, event.merchant_id, event.sku, event.item_id)


async def on_object_changed(event: ObjectChanged, unit: Unit) -> None:
    """While the order type or the tender is missing, any sign of life is a reason to look for it."""
    if event.kind in SETUP_HINTS and (await store.setup(unit.conn, event.merchant_id)).missing_since:
        unit.mark(FIND_SETUP, event.merchant_id, SETUP_KEY, priority=Priority.LIVE)


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    """Somebody says the cause is gone: look now."""
    if event.code in SETUP_CODES:
        unit.mark(FIND_SETUP, event.merchant_id, SETUP_KEY, priority=Priority.LIVE)
    else:
        await table.release(unit, event.merchant_id, event.code)


HANDLERS: Handlers = {
    MerchantConnected: merchants.on_merchant_connected,
    ProductLinked: on_product_linked,
    ObjectChanged: on_object_changed,
    RecheckRequested: on_recheck_requested,
}
