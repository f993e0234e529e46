"""Adds lines, up to a hundred rows a call; each row carries an id of ours."""

from common.errors import NotFound, Permanent, Rejected
from orders import clover
from orders.domain.order import Order
from orders.domain.plan import any_row_there, rows
from orders.domain.progress import Progress
from orders.domain.timeline import Entry, TimelineEvent
from orders.domain.writes import AddLines
from orders.sync.writes.context import WriteContext


async def send(context: WriteContext, write: AddLines, order: Order) -> Progress:
    """Add the rows. A SKU that is not linked becomes a named custom line."""
    items = context.items if write.linked else {}
    added = [clover.NewRow(row_id, line, items.get(line.sku)) for row_id, line in rows(write, order)]
    await clover.add_lines(context.api, order.clover_id, added)
    return order.progress.with_lines()


async def find(context: WriteContext, write: AddLines, order: Order) -> Progress | None:
    """Look for a row of this write on the order; the plan sees to any that are missing beside it."""
    shown = await clover.show_order(context.api, order)
    return order.progress.with_lines() if any_row_there(write, order, shown) else None


async def refused(context: WriteContext, write: AddLines, order: Order, error: Permanent) -> tuple[Progress, Entry]:
    """Send the rows without their items: most often an item was deleted in Clover, and what was sold is sold."""
    linked = sorted({line.sku for _, line in rows(write, order) if line.sku in context.items})
    if not (write.linked and linked and isinstance(error, Rejected | NotFound)):
        raise error
    detail = f"Clover did not take the items of {', '.join(linked)}"
    return order.progress.without_items(), Entry(TimelineEvent.ITEMS_DROPPED, detail)
