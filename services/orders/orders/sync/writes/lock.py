"""Closes an order to changes."""

from orders import clover
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.writes import Lock
from orders.sync.writes.context import WriteContext


async def send(context: WriteContext, _write: Lock, order: Order) -> Progress:
    """Lock the order."""
    await clover.lock_order(context.api, order.clover_id)
    return order.progress.applied()
