"""Records the payment, found again by the id of ours that it carries."""

from orders import clover
from orders.domain.order import Order
from orders.domain.plan import payment_shown
from orders.domain.progress import Progress
from orders.domain.writes import Pay
from orders.sync.writes.context import WriteContext


async def send(context: WriteContext, write: Pay, order: Order) -> Progress:
    """Record a payment made elsewhere."""
    if write.payment is None:
        raise RuntimeError("a payment that is only looked up is not sent")
    await clover.pay(context.api, order.clover_id, write.key, write.payment, context.setup.last)
    return order.progress.with_payment(write.payment.amount, write.payment.tip)


async def find(context: WriteContext, write: Pay, order: Order) -> Progress | None:
    """Look for the payment on the order."""
    shown = await clover.show_order(context.api, order)
    found = payment_shown(write.key, order, shown)
    return None if found is None else order.progress.with_payment(*found)
