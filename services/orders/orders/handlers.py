"""Reactions to events of other services: rows and marks of our own, never a call."""

from common.contracts.catalog import MerchantConnected, ProductLinked
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code
from common.db import merchants
from common.db.inbox import Handlers
from common.db.unit import Priority, Unit
from orders import store
from orders.domain.setup import SETUP_CODES
from orders.kinds import FIND_SETUP, SETUP_KEY

SETUP_HINTS = {"O", "A", "M"}
"""Clover sends no event when an order type or a tender changes; these come when the merchant is at work there."""


async def on_merchant_connected(event: MerchantConnected, unit: Unit) -> None:
    """Store the merchant and attempt the orders again that a lost connection held."""
    await store.orders.clear_held(unit, event.merchant_id, Code.CONNECTION_LOST)
    await merchants.on_merchant_connected(event, unit)


async def on_product_linked(event: ProductLinked, unit: Unit) -> None:
    """Send lines with this SKU as this item from now on."""
    store.links.save(unit, event.merchant_id, event.sku, event.item_id)


async def on_object_changed(event: ObjectChanged, unit: Unit) -> None:
    """Look for a missing order type or tender while the merchant is at work in Clover."""
    if event.kind in SETUP_HINTS and (await store.setup.find(unit.conn, event.merchant_id)).missing_since:
        unit.mark(FIND_SETUP, event.merchant_id, SETUP_KEY, priority=Priority.LIVE)


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    """Look for the setup now, or attempt what the problem holds."""
    if event.code in SETUP_CODES:
        unit.mark(FIND_SETUP, event.merchant_id, SETUP_KEY, priority=Priority.LIVE)
    else:
        await store.orders.release(unit, event.merchant_id, event.code)


HANDLERS: Handlers = {
    MerchantConnected: on_merchant_connected,
    ProductLinked: on_product_linked,
    ObjectChanged: on_object_changed,
    RecheckRequested: on_recheck_requested,
}
