"""Reactions to events of other services: rows and marks of our own, never a call."""

from datetime import timedelta

from common.contracts.catalog import MerchantConnected, MerchantDisconnected, ProductLinked, ProductUnlinked
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code
from common.db import links, merchants
from common.db.inbox import Handlers
from common.db.unit import Priority, Unit
from orders import store
from orders.domain.setup import SETUP_CODES
from orders.kinds import (
    ANNOUNCE_EXPIRY,
    EXPIRE_ORDERS,
    FIND_PAYMENT,
    FIND_SETUP,
    READ_SALE,
    SALES_KEY,
    SETUP_KEY,
    SWEEP_SALES,
)

FIRST_SWEEP = timedelta(seconds=10)
"""By then every receiver of webhooks knows the merchant. Until it does, it drops the merchant's webhooks."""

FIRST_EXPIRY = timedelta(hours=1)
"""No order of a merchant that has just connected is old."""

PAYMENT_PATIENCE = timedelta(seconds=5)
"""The order of a new payment has a webhook of its own, by which the payment is usually known after this time."""


async def on_merchant_connected(event: MerchantConnected, unit: Unit) -> None:
    """Store the merchant, attempt the orders again that a lost connection held, and watch for sales from now on."""
    if await merchants.save(unit, event):
        for code in (Code.CONNECTION_LOST, Code.ORDER_CURRENCY):  # it may have been connected for its new currency
            await store.holding.release(unit, event.merchant_id, code)
        await store.sales.watch(unit, event.merchant_id)
        unit.mark(SWEEP_SALES, event.merchant_id, SALES_KEY, priority=Priority.BULK, due=unit.now + FIRST_SWEEP)
        unit.mark(EXPIRE_ORDERS, event.merchant_id, EXPIRE_ORDERS, priority=Priority.BULK, due=unit.now + FIRST_EXPIRY)
    await _erase(event, unit)


async def on_merchant_disconnected(event: MerchantDisconnected, unit: Unit) -> None:
    """Store that the merchant is disconnected, and end its sweep. Its orders are held when they next ask for access."""
    if await merchants.save(unit, event):
        unit.mark(SWEEP_SALES, event.merchant_id, SALES_KEY, priority=Priority.BULK)
    await _erase(event, unit)


async def _erase(event: MerchantConnected | MerchantDisconnected, unit: Unit) -> None:
    """Erase customers as requested, also by an event that is late; orders that came after the request are kept."""
    if event.erase_before is not None:
        await store.erasure.erase_customers(unit, event.merchant_id, event.erase_before)


async def on_product_linked(event: ProductLinked, unit: Unit) -> None:
    """Send lines with this SKU as this item from now on."""
    unit.gather(store.links.save, event.merchant_id, links.link_of(event))


async def on_product_unlinked(event: ProductUnlinked, unit: Unit) -> None:
    """Send lines with the SKU of this item without it from now on."""
    unit.gather(store.links.save, event.merchant_id, links.link_of(event))


async def on_object_changed(event: ObjectChanged, unit: Unit) -> None:
    """Read the sale of an order or payment, and look for a missing setup while the merchant is at work in Clover.

    A sale sends about five of these, so the usual ones cost no query here; `read_sale` looks at the setup too.
    """
    match event.kind:
        case "O":
            unit.mark(READ_SALE, event.merchant_id, event.object_id, priority=Priority.LIVE)
        case "P":
            await _on_payment(event, unit)
        case "A" | "M":
            if await _is_in_want(unit, event.merchant_id):
                unit.mark(FIND_SETUP, event.merchant_id, SETUP_KEY, priority=Priority.LIVE)


async def _is_in_want(unit: Unit, merchant_id: str) -> bool:
    """Return whether orders wait for something that the merchant's settings in Clover may bring."""
    missing = (await store.setup.find(unit.conn, merchant_id)).missing_since
    return bool(missing) or await store.holding.any_held(unit.conn, merchant_id, [Code.ORDER_CURRENCY])


async def _on_payment(event: ObjectChanged, unit: Unit) -> None:
    """Read the sale of a payment that changes and is known; have the order of any other one looked for later."""
    known = event.action != "CREATE" and await store.sales.of_payments(unit.conn, event.merchant_id, [event.object_id])
    if known:
        unit.mark(READ_SALE, event.merchant_id, known.values(), priority=Priority.LIVE)
    else:
        due = unit.now + PAYMENT_PATIENCE
        unit.mark(FIND_PAYMENT, event.merchant_id, event.object_id, priority=Priority.BULK, due=due)


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    """Look for the setup now, or attempt the orders that the problem holds."""
    if event.code in SETUP_CODES:
        unit.mark(FIND_SETUP, event.merchant_id, SETUP_KEY, priority=Priority.LIVE)
    elif event.code is Code.ORDERS_EXPIRING:
        announced = await store.expiry.announced(unit.conn, event.merchant_id)
        unit.mark(ANNOUNCE_EXPIRY, event.merchant_id, announced, priority=Priority.LIVE)
    else:
        await store.holding.release(unit, event.merchant_id, event.code)


HANDLERS: Handlers = {
    MerchantConnected: on_merchant_connected,
    MerchantDisconnected: on_merchant_disconnected,
    ProductLinked: on_product_linked,
    ProductUnlinked: on_product_unlinked,
    ObjectChanged: on_object_changed,
    RecheckRequested: on_recheck_requested,
}
