"""Deletes an order, which is all Clover offers to cancel one; where Clover refuses, its lines are voided."""

import structlog

from common import messages
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
        if not await _is_void(context, order):
            raise
    return order.progress.applied()


async def _is_void(context: WriteContext, order: Order) -> bool:
    """Void the lines and return whether nothing is left of the order. Each call may be repeated.

    Clover may keep an order with payments for ever; once all of them were refunded at the till it is settled.
    """
    shown = await clover.show_order(context.api, order)
    if shown.is_refunded:
        return True
    reason = messages.for_locale().text("reason.order_cancelled")
    for line_id in shown.line_ids.values():
        await clover.remove_line(context.api, order.clover_id, line_id, reason)
    if shown.total:
        await clover.set_total(context.api, order.clover_id, 0)
    return not shown.paid
