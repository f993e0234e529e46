"""Gives items back what they had before QuickSync wrote to them, and deletes those that it created."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from typing import Any

from catalog.clover.labels import associate
from catalog.deps import Deps
from catalog.domain.former_items import FormerItem, restored
from catalog.domain.items import LABELS, Item, own
from catalog.domain.labels import Labels, after, associations
from catalog.kinds import DELETE_GROUP
from catalog.store import former_items, item_groups, labels
from catalog.sync import lookups
from catalog.sync.deltas import read_changes
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
        await former_items.forget(unit.conn, batch.merchant_id, {each.key: former[each.key] for each in done})
        deleted = [each.item_id for each in done if each.changes is None]
        parents = await item_groups.parents_of_items(unit.conn, batch.merchant_id, deleted)
        unit.mark(DELETE_GROUP, batch.merchant_id, parents, priority=Priority.BULK)

    async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:
        changes = await _restore_associations(
            batch, api, {key: each for key, each in former.items() if not each.deletes}
        )
        writes = [ItemWrite(key, key, own(changes[key])) for key in former if own(changes.get(key, {}))]
        writes += [ItemWrite(key, key) for key, each in former.items() if each.deletes]
        written = {each.key for each in writes}
        async with batch.unit() as unit:
            done = {key: each for key, each in former.items() if key not in written}
            await former_items.forget(unit.conn, batch.merchant_id, done)
        await write_items(batch, api, writes, forget)


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
    await restore_options(batch, api, former, found)
    changes = {key: restored(former[key], _shown(named, item, former[key])) for key, item in found.items()}
    wanted = {key: _labels_of(each) for key, each in changes.items()}
    made = {key: associations(item, replace(item.fields, **wanted[key]), named) for key, item in found.items()}
    number = await draw_number(batch)
    await associate(api, chain.from_iterable(made.values()))
    async with batch.unit() as unit:
        changed = [after(found[key], every) for key, every in made.items() if every]
        await labels.save_associations(unit.conn, batch.merchant_id, changed, number)
    return changes


def _shown(named: Labels, item: Item, former: FormerItem) -> dict[str, object]:
    return asdict(named.shown(item, replace(item.fields, **_labels_of(former.written))))


def _labels_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fields.get(name) for name in LABELS}
