"""Undoes changes of products, in portions: each restores products and moves the cursor in one transaction.

Clover follows: by the usual pushes, and by the work that gives items and item groups back what they had.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog

from catalog.deps import Deps
from catalog.domain.changes import (
    Change,
    RecordedChange,
    Restored,
    edited_in_clover,
    given_up,
    linked_values,
    restore,
)
from catalog.domain.products import Product, ProductRecord, Removal
from catalog.domain.variants import parents
from catalog.kinds import DELETE_GROUP, PUSH_PRODUCT, RESTORE_ITEM
from catalog.links import unlink_items
from catalog.store import changes, former_items, items, masters, products, pushes, undos, variants
from catalog.sync import former_groups
from catalog.sync.deltas import read_changes
from common.db.unit import Connection, Priority, Unit
from common.errors import Forbidden, NotFound, Problem, Rejected, TimedOut, Unavailable, Undecodable
from common.work.batch import Batch

CURSOR = 1
"""The cursor is the last product that was looked at."""

PORTION = 500

log = structlog.get_logger()


@dataclass(frozen=True)
class _Undo:
    """An undo, and the number after which the changes that it undoes created what was not there before."""

    id: UUID
    number: int | None


class _Overtaken(Exception):
    """Another request saved a product after the undo found none."""


async def undo_changes(batch: Batch, deps: Deps) -> None:
    """Restore what the products had before; the key is the id of the undo."""
    [key] = batch.keys
    undo_id, run = UUID(key), await batch.run(key, CURSOR)
    async with deps.database.connection() as conn:
        try:
            undone = (await changes.find(conn, batch.merchant_id, undo_id)).undoes
        except NotFound:  # forgotten since
            undone = None
        undo = _Undo(undo_id, await changes.number(conn, batch.merchant_id, undone))
    await _look_for_edits(batch, deps)
    while undone is not None:
        with suppress(_Overtaken):
            async with batch.unit() as unit:
                portion = await changes.changes(unit.conn, batch.merchant_id, undone, run.cursor or "", PORTION)
                if not portion:
                    return await undos.end(unit, batch.merchant_id, undo_id)
                await _undo(unit, batch.merchant_id, undo, portion)
                await run.save(unit, portion[-1].product_id, done=len(portion))
        if await batch.gives_way():
            return batch.more(key)
    return None


async def _look_for_edits(batch: Batch, deps: Deps) -> None:
    """Read what was edited at the till a moment ago, so that it stays. While Clover shows none, the mirror counts."""
    try:
        async with deps.clover.session(batch.merchant_id, batch.priority) as api:
            await read_changes(batch, api)
    except (Forbidden, NotFound, Rejected, TimedOut, Unavailable, Undecodable) as error:
        log.warning("edits not looked for", reason=str(error))


async def _undo(unit: Unit, merchant_id: str, undo: _Undo, portion: Sequence[RecordedChange]) -> None:
    await _lock(unit.conn, merchant_id, portion)
    stored, restored = await _restored(unit.conn, merchant_id, portion)
    deleted = [stored[product_id] for product_id, each in restored.items() if each.deletes]
    await _delete(unit, merchant_id, undo.id, deleted)  # first, as others may have their SKUs back then
    wanted = [each.product for each in restored.values() if each.product is not None]
    stated = await masters.as_stated(unit.conn, merchant_id, wanted, stored)
    saved, refused = await _saved(unit, merchant_id, list(stated.values()))
    if any(each.before and name not in stored for name, each in saved.items()):
        raise _Overtaken
    await _give_up_fields(unit, merchant_id, undo.id, stored, saved)
    skipped = {product_id: each.skipped for product_id, each in restored.items() if each.skipped}
    taken = {product_id: [each.field.partition(".")[0]] for product_id, each in refused.items()}
    gone = {each.product.product_id: each for each in deleted}
    undone = [each for each in portion if each.product_id in {*saved, *gone}]
    taken |= await _rename_groups(unit, merchant_id, undone)
    await undos.save(unit, merchant_id, undo.id, list(saved.values()), deleted, skipped | taken)
    await former_groups.give_up(unit, merchant_id, undo.id, undone, undo.number)
    unit.mark(PUSH_PRODUCT, merchant_id, [*saved, *gone], priority=Priority.BULK)


async def _lock(conn: Connection, merchant_id: str, portion: Sequence[RecordedChange]) -> None:
    """Lock the products, and before them the parents that they are to have, as the other requests do."""
    stored, foreseen = await _restored(conn, merchant_id, portion)
    concerned = [each.product for each in foreseen.values() if each.product]
    concerned += [stored[each.product_id].product for each in portion if each.group_name and each.product_id in stored]
    await variants.lock(conn, merchant_id, parents(concerned))
    await conn.execute(products.LOCK, merchant_id, [each.product_id for each in portion])


async def _restored(
    conn: Connection, merchant_id: str, portion: Sequence[RecordedChange]
) -> tuple[dict[str, ProductRecord], dict[str, Restored]]:
    """Return the products as they are stored, and as the undo would have them."""
    found = await products.find_all(conn, merchant_id, [each.product_id for each in portion])
    stored = {each.product.product_id: each for each in found}
    adopted = await former_items.adopted(conn, merchant_id, [each.item_id for each in found if each.item_id])
    edited = await _edited_in_clover(conn, merchant_id, found, adopted)
    had = {each.product.product_id: adopted[each.item_id] for each in found if each.item_id in adopted}
    linked = {each.product_id: linked_values(each, had[each.product_id]) for each in portion if each.product_id in had}
    lost = await former_items.lost(conn, merchant_id, [each.deleted_item for each in portion if each.deleted_item])
    restored = {
        each.product_id: restore(
            each, stored.get(name := each.product_id), edited.get(name, ()), lost, linked.get(name, {})
        )
        for each in portion
    }
    return stored, restored


async def _edited_in_clover(
    conn: Connection, merchant_id: str, records: Iterable[ProductRecord], adopted: Collection[str]
) -> dict[str, list[str]]:
    """Return the fields edited at the till of each product whose item QuickSync has created, by product."""
    linked = {each.item_id: each for each in records if each.item_id}
    found = await items.find(conn, merchant_id, linked.keys() - adopted)
    return {
        linked[item_id].product.product_id: edited_in_clover(linked[item_id], item.fields)
        for item_id, item in found.items()
    }


async def _delete(unit: Unit, merchant_id: str, undo_id: UUID, records: Sequence[ProductRecord]) -> None:
    """Delete these products; their items become what they were before. One whose item may yet appear waits for it."""
    if not records:
        return
    in_doubt = [each.product.product_id for each in records if each.creating_since]
    await products.start_removal(unit.conn, merchant_id, in_doubt, Removal.PURGE)
    ended = [each for each in records if not each.creating_since]
    # as each was stated: what both sides agree on since may be an edit that is yet to be put back
    pushed = {each.item_id: each.wanted for each in ended if each.item_id}
    await former_items.end(unit.conn, merchant_id, pushed)
    owners = {each.item_id: each.product.product_id for each in ended if each.item_id}
    await former_items.note_undo(unit.conn, merchant_id, undo_id, owners)
    await products.delete(unit.conn, merchant_id, [each.product.product_id for each in ended])
    await unlink_items(unit, merchant_id, [*pushed, *(each.deleted_item_id for each in ended if each.deleted_item_id)])
    unit.mark(RESTORE_ITEM, merchant_id, pushed, priority=Priority.BULK)
    without_item = [each.product.variant for each in ended if not (each.item_id or each.deleted_item_id)]
    parents = {each.group for each in without_item if each}  # whose group may be empty
    unit.mark(DELETE_GROUP, merchant_id, parents, priority=Priority.BULK)


async def _rename_groups(unit: Unit, merchant_id: str, undone: Sequence[RecordedChange]) -> dict[str, list[str]]:
    """Give parents of variants the names back that they had for other products.

    Return the products of those that have another name since, with the field that is not restored.
    """
    renaming = [(each.after["variant"], each) for each in undone if each.after and each.group_name]
    names = {variant["group"]: (variant["name"], each.group_name or "") for variant, each in renaming}
    if not names:
        return {}
    kept = await variants.rename_back(unit.conn, merchant_id, names)
    renamed = await variants.of_parents(unit.conn, merchant_id, names.keys() - kept)
    unit.mark(PUSH_PRODUCT, merchant_id, renamed, priority=Priority.BULK)
    return {each.product_id: ["variant"] for variant, each in renaming if variant["group"] in kept}


async def _give_up_fields(
    unit: Unit, merchant_id: str, undo_id: UUID, stored: Mapping[str, ProductRecord], saved: Mapping[str, Change]
) -> None:
    """Have the items get back what they had in fields that the restored products state no more."""
    linked = {each.item_id: each for product_id in saved if (each := stored.get(product_id)) and each.item_id}
    written = {
        item_id: fields
        for item_id, each in linked.items()
        if (fields := given_up(each, saved[each.product.product_id].after))
    }
    released = await former_items.release(unit.conn, merchant_id, written)
    names = {linked[item_id].product.product_id: each for item_id, each in released.items()}
    await pushes.give_up_fields(unit.conn, merchant_id, names)
    owners = {item_id: linked[item_id].product.product_id for item_id in released}
    await former_items.note_undo(unit.conn, merchant_id, undo_id, owners)
    unit.mark(RESTORE_ITEM, merchant_id, released, priority=Priority.BULK)


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
