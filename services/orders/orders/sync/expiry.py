"""Ends held orders at their age limit, and announces it before."""

from datetime import timedelta

from common import messages
from common.contracts.orders import OrderRejected
from common.contracts.problems import Code
from common.db.unit import Priority
from common.work.batch import Batch
from common.work.row import Retry
from orders import store
from orders.deps import Deps
from orders.kinds import ANNOUNCE_EXPIRY, EXPIRE_ORDERS

HOUR = timedelta(hours=1)


async def expire_orders(batch: Batch, deps: Deps) -> None:
    """End the held orders that are too old, and have those announced that will be soon."""
    limit = deps.age_limit
    reason = messages.for_locale().count("reason.order_expired", limit.days)
    async with batch.unit() as unit:
        expired = await store.expiry.expire(unit, batch.merchant_id, unit.now - limit, reason)
        for each in expired:
            ids = {"channel": each.channel, "store": each.store, "source_id": each.source_id}
            unit.emit(OrderRejected(merchant_id=batch.merchant_id, **ids, reason=reason))
        soon = await store.expiry.announce(unit, batch.merchant_id, unit.now - limit + deps.expiry_notice)
        if soon:
            unit.mark(ANNOUNCE_EXPIRY, batch.merchant_id, soon, priority=Priority.BULK)
    is_portion = store.expiry.PORTION in {len(expired), len(soon)}
    batch.repeat(EXPIRE_ORDERS, timedelta(0) if is_portion else HOUR)


async def announce_expiry(batch: Batch, deps: Deps) -> None:
    """Let each order that is still held and expires soon wait under the problem that says so, looked at hourly."""
    limit, texts = deps.age_limit, messages.for_locale()
    async with batch.unit() as unit:
        before = unit.now - limit + deps.expiry_notice
        orders = await store.expiry.expiring(unit.conn, batch.merchant_id, before, batch.keys)
        ended = [each.reference for each in orders if not each.expires]
        await store.expiry.end_announcement(unit, batch.merchant_id, ended)
    for order in orders:
        if order.expires:
            text = texts.text("reason.order_expires", time=f"{order.received_at + limit:%Y-%m-%d, %H:%M} UTC")
            outcome = Retry(batch.now + HOUR, False, text, Code.ORDERS_EXPIRING, order.number)
            batch.outcomes[order.reference] = outcome
        elif order.is_over:
            batch.drop(order.reference)
