"""Finds a customer in Clover or creates them; an order that Clover takes without its customer goes without."""

from common import messages
from common.errors import Forbidden, Permanent
from orders import clover
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.source import Customer
from orders.domain.timeline import Entry, TimelineEvent
from orders.domain.writes import Write
from orders.sealing import open_personal
from orders.sync.writes.context import WriteContext


async def send(context: WriteContext, _write: Write, order: Order) -> Progress:
    """Find the customer by e-mail address, or by telephone number and name, else create them."""
    customer = _customer(context, order)
    if customer is None:
        return order.progress.with_customer_settled()
    async with context.customers.of(customer.contacts):
        found = await clover.find_customer(context.api, customer)
        return order.progress.with_customer(
            found or await clover.create_customer(context.api, customer, created_for(order.reference))
        )


async def find(context: WriteContext, _write: Write, order: Order) -> Progress | None:
    """Look for the customer that was created, by their contacts or by our note; a name alone is no proof."""
    customer = _customer(context, order)
    if customer is None:
        return order.progress.with_customer_settled()
    found = await clover.find_customer(context.api, customer)
    found = found or await clover.find_created(context.api, customer, created_for(order.reference))
    return order.progress.with_customer(found) if found else None


async def refused(context: WriteContext, _write: Write, order: Order, error: Permanent) -> tuple[Progress, Entry]:
    """Let the order go without its customer. Raises Forbidden when not only customers are closed to us."""
    if isinstance(error, Forbidden):
        await clover.show_order(context.api, order)
    # Clover's own words may repeat the details; of a missing permission we speak in ours.
    detail = str(error) if isinstance(error, Forbidden) else messages.for_locale().text("reason.customer_refused")
    return order.progress.with_customer_settled(), Entry(TimelineEvent.CUSTOMER_DROPPED, detail)


def created_for(reference: str) -> str:
    """Return the note on a customer without address and number, by which it is found again."""
    return f"QuickSync order {reference}"


def _customer(context: WriteContext, order: Order) -> Customer | None:
    """Return the customer as Clover can take them; None when nothing of them is left, or they were erased."""
    customer = open_personal(context.sealer, order).customer
    return customer.for_clover() if customer else None
