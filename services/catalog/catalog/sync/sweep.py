"""Compares all items of a merchant with its products, because webhooks may be lost."""

from collections.abc import Sequence

import structlog

from catalog.clover import items as clover
from catalog.deps import Deps
from catalog.domain.items import Item
from catalog.kinds import PUSH_PRODUCT
from catalog.store import links, products
from common.db import merchants
from common.db.unit import Priority, Unit
from common.errors import Forbidden, TimedOut, Unavailable, Undecodable
from common.work.batch import Batch

log = structlog.get_logger()


async def sweep_items(batch: Batch, deps: Deps) -> None:
    """Mark the products whose item differs, is missing, or was deleted and added again; then repeat.

    A sweep that Clover does not answer is left out: the products themselves report a problem with Clover. Sweeps end
    when the merchant is disconnected; the next connection starts them again.
    """
    async with deps.database.connection() as conn:
        if not await merchants.known(conn, [batch.merchant_id]):
            return
    try:
        await _sweep(batch, deps)
    except (Forbidden, Unavailable, TimedOut, Undecodable) as error:
        log.warning("sweep of items left out", reason=str(error))
    for key in batch.keys:
        batch.repeat(key, deps.sweep_interval)


async def _sweep(batch: Batch, deps: Deps) -> None:
    shown: set[str] = set()
    async with deps.clover.session(batch.merchant_id) as api:
        async for items in clover.item_pages(api):
            async with batch.unit() as unit:
                unit.mark(
                    PUSH_PRODUCT,
                    batch.merchant_id,
                    await _affected(unit, batch.merchant_id, items),
                    priority=Priority.BULK,
                )
            shown |= {item.id for item in items}
    async with batch.unit() as unit:
        missing = await links.products_missing(unit.conn, batch.merchant_id, shown)
        unit.mark(PUSH_PRODUCT, batch.merchant_id, missing, priority=Priority.BULK)


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
