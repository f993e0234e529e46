"""Creates an order, found again by its reference. While Clover takes no calls no later order is created either."""

import structlog

from common.errors import Throttled, Transient
from orders import clover
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.writes import CreateOrder
from orders.sync.writes.context import WriteContext

log = structlog.get_logger()


async def send(context: WriteContext, _write: CreateOrder, order: Order) -> Progress:
    """Create the order without its lines."""
    try:
        clover_order_id = await clover.create_order(context.api, order, context.setup.last)
    except Transient as error:
        raise await context.pause.begin(error) from error
    await context.pause.end()
    return order.progress.created(clover_order_id)


async def find(context: WriteContext, write: CreateOrder, order: Order) -> Progress | None:
    """Look the order up by its reference; of several, the earliest is ours."""
    try:
        found = await clover.find_orders(context.api, write.key)
    except Throttled as error:  # any other failure concerns this order alone
        raise await context.pause.begin(error) from error
    if len(found) > 1:
        log.error("several orders in Clover carry one reference", reference=write.key, found=len(found))
    return order.progress.created(found[0]) if found else None
