"""Gives items back what they had before QuickSync wrote to them, and deletes those that it created."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from typing import Any

from catalog.clover.labels import associate
from catalog.deps import Deps
from catalog.domain.changes import ITEM
from catalog.domain.former_items import FormerItem, edited, restored
from catalog.domain.items import LABELS, OPTIONS, Item, own
from catalog.domain.labels import Labels, after, associations
from catalog.domain.masters import PRODUCT_FIELDS
from catalog.kinds import DELETE_GROUP
from catalog.store import former_items, item_groups, items, labels, undos
from catalog.sync import lookups
from catalog.sync.deltas import read_changes
from catalog.sync.former_groups import mark_unused
from catalog.sync.former_options import restore_options
from catalog.sync.item_writes import ItemWrite, write_items
from catalog.sync.items import draw_number
from common.clover.transport import MerchantApi
from common.db.unit import Priority, Unit
from common.work.batch import Batch


async def restore_items(batch: Batch, deps: Deps) -> None:
    """Make these items what they were, except for the fields that someone edited since."""
    async with batch.database.connection() as conn:
        former = await former_items.find(conn, batch.merchant_id, batch.keys)
    if not former:
        return

    async def forget(unit: Unit, done: Sequence[ItemWrite]) -> None:
        await _forget(unit, batch.merchant_id, {each.key: former[each.key] for each in done})
        changed = {each.key: former[each.key] for each in done if each.changes is not None}
        there = await items.there(unit.conn, batch.merchant_id, changed)
        for key in changed.keys() - there:
            await _skip(unit, batch.merchant_id, changed[key], [ITEM])
        deleted = [each.item_id for each in done if each.changes is None]
        parents = await item_groups.parents_of_items(unit.conn, batch.merchant_id, deleted)
        unit.mark(DELETE_GROUP, batch.merchant_id, parents, priority=Priority.BULK)

    async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:
        fields = await _restore_associations(
            batch, api, {key: each for key, each in former.items() if not each.deletes}
        )
        writes = [ItemWrite(key, key, own(fields[key])) for key in former if own(fields.get(key, {}))]
        deleted = [key for key, each in former.items() if each.deletes]
        writes += [ItemWrite(key, key) for key in deleted]
        written = {each.key for each in writes}
        async with batch.unit() as unit:
            done = {key: each for key, each in former.items() if key not in written}
            await _forget(unit, batch.merchant_id, done)
            await former_items.start_deletions(unit.conn, batch.merchant_id, deleted, unit.now)
        await write_items(batch, api, writes, forget)


async def _forget(unit: Unit, merchant_id: str, restored: Mapping[str, FormerItem]) -> None:
    """Record that these items are as they were; what they gave up may be unused now."""
    await former_items.forget(unit.conn, merchant_id, restored)
    await mark_unused(unit, merchant_id, item_ids=restored)


async def _restore_associations(
    batch: Batch, api: MerchantApi, former: Mapping[str, FormerItem]
) -> dict[str, dict[str, object]]:
    """Give these items their labels and options back; return all that was to be restored, by item that Clover has."""
    if not former:
        return {}
    await read_changes(batch, api)  # the mirror then shows what was edited a moment ago
    found = await lookups.linked_items(batch, api, list(former))
    async with batch.database.connection() as conn:
        named = await labels.find(conn, batch.merchant_id)
    edited_options = await restore_options(batch, api, former, found)
    shown = {key: _shown(named, item, former[key]) for key, item in found.items()}
    fields = {key: restored(former[key], each) for key, each in shown.items()}
    await _name_skipped(batch, former, shown, edited_options)
    wanted = {key: _labels_of(each) for key, each in fields.items()}
    made = {key: associations(item, replace(item.fields, **wanted[key]), named) for key, item in found.items()}
    number = await draw_number(batch)
    await associate(api, chain.from_iterable(made.values()))
    async with batch.unit() as unit:
        changed = [after(found[key], every) for key, every in made.items() if every]
        await labels.save_associations(unit.conn, batch.merchant_id, changed, number)
    return fields


async def _name_skipped(
    batch: Batch,
    former: Mapping[str, FormerItem],
    shown: Mapping[str, Mapping[str, object]],
    edited_options: Collection[str],
) -> None:
    """Name in the undo what it does not restore: fields that were edited since, and items that are gone."""
    async with batch.unit() as unit:
        for key, each in former.items():
            fields = edited(each, shown[key]) if key in shown else [ITEM]
            fields += [OPTIONS] if key in edited_options else []
            await _skip(unit, batch.merchant_id, each, fields)


async def _skip(unit: Unit, merchant_id: str, former: FormerItem, fields: Sequence[str]) -> None:
    if former.undo_id and former.product_id and fields:
        names = dict.fromkeys(PRODUCT_FIELDS.get(name, name) for name in fields)
        await undos.add_skipped(unit, merchant_id, former.undo_id, {former.product_id: list(names)})


def _shown(named: Labels, item: Item, former: FormerItem) -> dict[str, object]:
    return asdict(named.shown(item, replace(item.fields, **_labels_of(former.written))))


def _labels_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fields.get(name) for name in LABELS}
