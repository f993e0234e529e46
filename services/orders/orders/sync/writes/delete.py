"""Deletes an order, which is all Clover offers to cancel one."""

import structlog

from common.errors import NotFound, Rejected
from orders import clover
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.writes import Delete
from orders.sync.writes.context import WriteContext

log = structlog.get_logger()


async def send(context: WriteContext, _write: Delete, order: Order) -> Progress:
    """Delete the order; one that is gone already, or refunded in full, is as good as deleted."""
    try:
        await clover.delete_order(context.api, order.clover_id)
    except NotFound:
        log.info("an order to be cancelled was already gone", reference=order.reference)
    except Rejected:
        # Clover may keep an order with payments for ever; once all of them were refunded at the till it is settled.
        if not (await clover.show_order(context.api, order)).is_refunded:
            raise
    return order.progress.applied()
