"""Deletes an order, which is all Clover offers to cancel one."""

import structlog

from common.errors import NotFound
from orders import clover
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.writes import Delete
from orders.sync.writes.context import WriteContext

log = structlog.get_logger()


async def send(context: WriteContext, _write: Delete, order: Order) -> Progress:
    """Delete the order; one that is gone already is as good as deleted."""
    try:
        await clover.delete_order(context.api, order.clover_id)
    except NotFound:
        log.info("an order to be cancelled was already gone", reference=order.reference)
    return order.progress.applied()
