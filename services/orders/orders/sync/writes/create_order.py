"""Creates an order, found again by its reference."""

import structlog

from common import messages
from common.errors import OutOfService, TimedOut, Unavailable
from orders import clover, store
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.timeline import Entry, TimelineEvent
from orders.domain.writes import CreateOrder
from orders.sealing import open_personal
from orders.sync.writes.context import WriteContext

log = structlog.get_logger()


async def send(context: WriteContext, _write: CreateOrder, order: Order) -> Progress:
    """Create the order without its lines. When Clover does not respond all orders wait, so that none overtakes it."""
    note = open_personal(context.sealer, order).note
    try:
        clover_order_id = await clover.create_order(context.api, order, note, context.setup.last)
    except (Unavailable, TimedOut) as error:
        raise OutOfService(str(error), error.retry_after) from error
    return order.progress.created(clover_order_id)


async def find(context: WriteContext, write: CreateOrder, order: Order) -> Progress | None:
    """Look the order up by its reference; of several, the earliest is ours, and the timeline names the others."""
    found = await clover.find_orders(context.api, write.key)
    if not found:
        return None
    kept, *others = found
    if others:
        log.error("several orders in Clover carry one reference", reference=write.key, others=others)
        said = messages.for_locale().text("reason.duplicate_orders", kept=kept, others=", ".join(others))
        async with context.batch.unit() as unit:
            store.timeline.add(unit, order.merchant_id, write.key, Entry(TimelineEvent.DUPLICATE_FOUND, said))
    return order.progress.created(kept)
