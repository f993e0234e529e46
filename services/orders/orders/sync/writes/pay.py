"""Records the payment, found again by the id of ours that it carries."""

from orders import clover
from orders.domain.order import Order
from orders.domain.plan import is_payment_missing, payments
from orders.domain.progress import Progress
from orders.domain.writes import Pay
from orders.sync.writes.context import WriteContext


async def send(context: WriteContext, write: Pay, order: Order) -> Progress:
    """Record a payment made elsewhere."""
    await clover.pay(context.api, order.clover_id, write.key, payments(order)[write.key], context.setup.last)
    return order.progress.applied()


async def find(context: WriteContext, write: Pay, order: Order) -> Progress | None:
    """Look for the payment on the order."""
    shown = await clover.show_order(context.api, order)
    return None if is_payment_missing(order, write.key, shown) else order.progress.applied()
