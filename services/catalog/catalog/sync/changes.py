"""Undoes changes of products, in portions: each restores products and moves the cursor in one transaction."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from catalog.deps import Deps
from catalog.domain.changes import Change, RecordedChange, restore
from catalog.domain.products import Product
from catalog.kinds import PUSH_PRODUCT
from catalog.store import changes, products
from common.db.unit import Priority, Unit
from common.errors import NotFound, Problem
from common.work.batch import Batch

CURSOR = 1
"""The cursor is the last product that was looked at."""

PORTION = 500


async def undo_changes(batch: Batch, deps: Deps) -> None:
    """Restore what the products had before; the key is the id of the undo. Clover follows by the usual pushes."""
    [key] = batch.keys
    undo_id, run = UUID(key), await batch.run(key, CURSOR)
    async with deps.database.connection() as conn:
        try:
            undone = (await changes.find(conn, batch.merchant_id, undo_id)).undoes
        except NotFound:  # forgotten since
            undone = None
    while undone is not None:
        async with batch.unit() as unit:
            portion = await changes.changes(unit.conn, batch.merchant_id, undone, run.cursor or "", PORTION)
            if not portion:
                return await changes.end_undo(unit, batch.merchant_id, undo_id)
            await _undo(unit, batch.merchant_id, undo_id, portion)
            await run.save(unit, portion[-1].product_id, done=len(portion))
        if await batch.gives_way():
            return batch.more(key)
    return None


async def _undo(unit: Unit, merchant_id: str, undo_id: UUID, portion: Sequence[RecordedChange]) -> None:
    ids = [each.product_id for each in portion]
    await unit.conn.execute(products.LOCK, merchant_id, ids)
    stored = await products.find_all(unit.conn, merchant_id, ids)
    # A product whose item was deleted in Clover is left alone: saving it would create the item again.
    now = {each.product.product_id: each.product for each in stored if each.deleted_item_id is None}
    restored = {each.product_id: restore(each, now.get(each.product_id)) for each in portion}
    wanted = [each.product for each in restored.values() if each.product is not None]
    saved, refused = await _saved(unit, merchant_id, wanted)
    skipped = {product_id: each.skipped for product_id, each in restored.items() if each.skipped}
    taken = {product_id: [each.field.partition(".")[0]] for product_id, each in refused.items()}
    await changes.save_undo(unit, merchant_id, undo_id, list(saved.values()), skipped | taken)
    unit.mark(PUSH_PRODUCT, merchant_id, saved, priority=Priority.BULK)


async def _saved(
    unit: Unit, merchant_id: str, wanted: Sequence[Product]
) -> tuple[dict[str, Change], Mapping[str, Problem]]:
    """Save the products, again and again as long as one gives up a SKU that another one is to have back.

    Return the changes, and what is wrong with the others.
    """
    saved: dict[str, Change] = {}
    refused: Mapping[str, Problem] = {}
    while waiting := [each for each in wanted if each.product_id not in saved]:
        applied = await changes.apply(unit, merchant_id, waiting)
        refused = applied.refused
        if not applied.made:
            break
        saved |= applied.made
    return saved, refused
