"""Ends held orders at their age limit, and announces it before."""

from datetime import timedelta

from common import messages
from common.contracts.orders import OrderRejected
from common.contracts.problems import Code
from common.work.batch import Batch
from common.work.row import Retry
from orders import store
from orders.deps import Deps
from orders.kinds import EXPIRE_ORDERS

HOUR = timedelta(hours=1)


async def expire_orders(batch: Batch, deps: Deps) -> None:
    """End the held orders that are too old, and report those that will be soon."""
    limit = deps.age_limit
    texts = messages.for_locale()
    reason = texts.count("reason.order_expired", limit.days)
    async with batch.unit() as unit:
        expired = await store.expiry.expire(unit, batch.merchant_id, unit.now - limit, reason)
        for each in expired:
            ids = {"channel": each.channel, "store": each.store, "source_id": each.source_id}
            unit.emit(OrderRejected(merchant_id=batch.merchant_id, **ids, reason=reason))
        soon = await store.expiry.expiring(unit.conn, batch.merchant_id, unit.now - limit + deps.expiry_notice)
    if len(expired) == store.expiry.PORTION:
        batch.retry(EXPIRE_ORDERS, timedelta(0))
    elif soon.first is not None:
        count, first = texts.count("reason.orders_expire", soon.count), soon.first + limit
        text = texts.text("reason.first_expires", orders=count, time=f"{first:%Y-%m-%d, %H:%M} UTC")
        subject = str(soon.number)
        batch.outcomes[EXPIRE_ORDERS] = Retry(batch.now + HOUR, False, text, Code.ORDERS_EXPIRING, subject)
    else:
        batch.repeat(EXPIRE_ORDERS, HOUR)
