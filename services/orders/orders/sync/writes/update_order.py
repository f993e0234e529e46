"""Writes the total, the title and the note of an order that was edited."""

from orders import clover
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.writes import UpdateOrder
from orders.sealing import open_personal
from orders.sync.writes.context import WriteContext


async def send(context: WriteContext, _write: UpdateOrder, order: Order) -> Progress:
    """Write the fields that the creation wrote as they are now."""
    await clover.update_order(context.api, order, open_personal(context.sealer, order).note)
    return order.progress.with_header()
