"""Removes a row that an edit took away; the rows that stay are not touched."""

from common import messages
from common.errors import NotFound
from orders import clover
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.writes import RemoveLine
from orders.sync.writes.context import WriteContext


async def send(context: WriteContext, write: RemoveLine, order: Order) -> Progress:
    """Remove the row; one that is gone already is as good."""
    reason = messages.for_locale().text("reason.line_removed")
    try:
        await clover.remove_line(context.api, order.clover_id, write.line_id, reason)
    except NotFound:
        await clover.show_order(context.api, order)  # raises NotFound if the order is gone, not the row
    return order.progress.applied()
