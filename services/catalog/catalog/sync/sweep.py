"""Compares all items of a merchant with its products, because webhooks may be lost."""

from collections.abc import Sequence

import structlog

from catalog.clover import items as clover
from catalog.deps import Deps
from catalog.domain.items import Item
from catalog.kinds import PUSH_PRODUCT
from catalog.store import links, products
from common.clover.paging import Endless
from common.db import merchants
from common.db.unit import Priority, Unit
from common.errors import Forbidden, TimedOut, Unavailable, Undecodable
from common.work.batch import Batch
from common.work.run import Run

CURSOR = 2
"""The cursor is the offset of the next page and, after the last one, LINKED with the last item looked for."""

LINKED = "linked after "
PORTION = 10_000
"""Linked items that are looked for at once among those that the pages have shown."""

log = structlog.get_logger()


async def sweep_items(batch: Batch, deps: Deps) -> None:
    """Mark the products whose item differs, is missing, or was deleted and added again; then repeat.

    It runs in slices. One that Clover does not answer goes on later: the products themselves report a problem with
    Clover. Sweeps end when the merchant is disconnected; the next connection starts them again.
    """
    async with deps.database.connection() as conn:
        if not await merchants.known(conn, [batch.merchant_id]):
            return None
    [key] = batch.keys
    run = await batch.run(key, CURSOR)
    try:
        is_over = await _compare_pages(batch, run, deps) and await _mark_missing(batch, run)
    except Endless as error:
        log.warning("sweep of items ended early", reason=str(error))
        return batch.repeat(key, deps.sweep_interval)
    except (Forbidden, Unavailable, TimedOut, Undecodable) as error:
        log.warning("sweep of items interrupted", reason=str(error))
        return batch.retry(key, deps.sweep_interval)
    return batch.repeat(key, deps.sweep_interval) if is_over else batch.more(key)


async def _compare_pages(batch: Batch, run: Run, deps: Deps) -> bool:
    """Compare page after page until the slice is over; return whether all are compared."""
    if _reached(run) is not None:
        return True
    async with deps.clover.session(batch.merchant_id, batch.priority) as api:
        while True:
            page = await clover.item_page(api, int(run.cursor or 0))
            ids = [item.id for item in page.items]
            if not page.is_last and (not ids or await run.has_page(ids)):
                raise Endless
            async with batch.unit() as unit:
                affected = await _affected(unit, batch.merchant_id, page.items)
                unit.mark(PUSH_PRODUCT, batch.merchant_id, affected, priority=Priority.BULK)
                await run.save(unit, LINKED if page.is_last else str(page.end), ids)
            if page.is_last:
                return True
            if await batch.gives_way():
                return False


async def _mark_missing(batch: Batch, run: Run) -> bool:
    """Mark the products whose item no page has shown, until the slice is over; return whether that was all."""
    while (after := _reached(run)) is not None:
        if await batch.gives_way():
            return False
        async with batch.unit() as unit:
            linked = await links.items_after(unit.conn, batch.merchant_id, after, PORTION)
            missing = [linked[item_id] for item_id in await run.unshown(unit.conn, list(linked))]
            unit.mark(PUSH_PRODUCT, batch.merchant_id, missing, priority=Priority.BULK)
            if len(linked) < PORTION:
                return True
            await run.save(unit, LINKED + max(linked))
    return False


def _reached(run: Run) -> str | None:
    """Return the last linked item that was looked for; None while pages are compared."""
    return run.cursor.removeprefix(LINKED) if run.cursor and run.cursor.startswith(LINKED) else None


async def _affected(unit: Unit, merchant_id: str, items: Sequence[Item]) -> list[str]:
    """Return the products whose item differs from them, and those that lost their item and may find it here."""
    found = {item.id: item.fields for item in items}
    linked = {each.item_id: each for each in await products.find_linked(unit.conn, merchant_id, list(found))}
    different = [
        record.product.product_id
        for item_id, record in linked.items()
        if item_id and record.differs_from(found[item_id])
    ]
    free = [fields.sku for item_id, fields in found.items() if item_id not in linked and fields.sku]
    return different + await links.products_without_item(unit.conn, merchant_id, free, limit=len(free))
