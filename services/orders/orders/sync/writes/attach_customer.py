"""Puts the customer on the order."""

from orders import clover
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.writes import AttachCustomer
from orders.sync.writes.context import WriteContext
from orders.sync.writes.create_customer import refused

__all__ = ["refused", "send"]


async def send(context: WriteContext, _write: AttachCustomer, order: Order) -> Progress:
    """Attach the customer."""
    await clover.attach_customer(context.api, order.clover_id, order.progress.clover_customer_id or "")
    return order.progress.with_customer_settled()
