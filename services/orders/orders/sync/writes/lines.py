"""Adds lines, up to a hundred rows a call; each row carries an id of ours."""

from common import messages
from common.errors import NotFound, Permanent, Rejected
from orders import clover, store
from orders.domain.order import Order
from orders.domain.plan import any_row_there
from orders.domain.progress import Progress
from orders.domain.row_ids import recorded_ids, rows
from orders.domain.taxes import MerchantTaxes
from orders.domain.timeline import Entry, TimelineEvent
from orders.domain.writes import AddLines
from orders.sync.writes.context import WriteContext


class NotByWeight(Rejected):
    """Clover sells the item of a row with a weight by the piece, so it would take the price of a whole unit."""

    def __init__(self, sku: str) -> None:
        super().__init__(f"the item of {sku} is not sold by weight")
        self.sku = sku


async def check(context: WriteContext, write: AddLines, order: Order) -> None:
    """Raise NotByWeight for a weight of an item that has none."""
    items = _items(context, write)
    weighed = {row.sku for _, row in rows(write, order) if row.thousandths is not None and row.sku in items}
    for sku in sorted(weighed):
        if not await clover.is_sold_by_weight(context.api, items[sku]):
            raise NotByWeight(sku)


async def send(context: WriteContext, write: AddLines, order: Order) -> Progress:
    """Add the rows. A SKU that is not linked becomes a named custom line."""
    items = _items(context, write)
    taxes = order.progress.taxes or MerchantTaxes()
    added = [clover.NewRow(row_id, row, items.get(row.sku), taxes.none_id) for row_id, row in rows(write, order)]
    shown = await clover.add_lines(context.api, order, added)
    return order.progress.with_lines(recorded_ids(shown, rows(write, order)))


async def find(context: WriteContext, write: AddLines, order: Order) -> Progress | None:
    """Look for a row of this write on the order; the plan sees to any that are missing beside it."""
    shown = await clover.show_order(context.api, order)
    return order.progress.with_lines() if any_row_there(write, order, shown) else None


async def refused(
    context: WriteContext, write: AddLines, order: Order, error: Permanent
) -> tuple[Progress, Entry | None]:
    """Halve the call until the refused item stands alone, then send its rows without it: sold goods are sold.

    Clover does not say which row of a call it refuses. Most often an item was deleted there.
    """
    if isinstance(error, NotByWeight):
        dropped = messages.for_locale().text("reason.item_not_by_weight", sku=error.sku)
        return order.progress.without_item(error.sku), Entry(TimelineEvent.ITEMS_DROPPED, dropped)
    linked = {row.sku for _, row in rows(write, order)} & set(context.items) - set(write.without_items)
    if not (linked and isinstance(error, Rejected | NotFound)):
        raise error
    if isinstance(error, NotFound):
        await clover.show_order(context.api, order)  # raises NotFound if the order is gone, not an item
    if len(linked) > 1:
        return order.progress.with_fewer_lines(len(write.numbers) // 2), None
    [sku] = linked
    item_id = context.items[sku]
    if not await clover.has_item(context.api, item_id):
        del context.items[sku]
        async with context.batch.unit() as unit:
            await store.links.mark_broken(unit.conn, order.merchant_id, sku, item_id)
    dropped = messages.for_locale().text("reason.item_refused", sku=sku)
    return order.progress.without_item(sku), Entry(TimelineEvent.ITEMS_DROPPED, dropped)


def _items(context: WriteContext, write: AddLines) -> dict[str, str]:
    return {sku: item for sku, item in context.items.items() if sku not in write.without_items}
