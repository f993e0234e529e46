"""Gives item groups their names back, and removes the parts and labels that were created and that nothing uses."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from uuid import UUID

from catalog.clover import item_groups as clover
from catalog.clover import labels as clover_labels
from catalog.deps import Deps
from catalog.domain.changes import RecordedChange
from catalog.domain.former_groups import (
    CreatedPart,
    FormerGroup,
    GroupRestoration,
    products_of_groups,
    restoration,
    stated_labels,
    stated_options,
)
from catalog.domain.item_groups import ItemGroup
from catalog.kinds import ALL_LABELS, REMOVE_LABELS, RESTORE_GROUP
from catalog.store import created_parts, former_groups, labels, undos
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db.unit import Priority, Unit
from common.errors import NotFound
from common.work.batch import Batch


async def give_up(
    unit: Unit, merchant_id: str, undo_id: UUID, undone: Sequence[RecordedChange], number: int | None
) -> None:
    """Have the item groups of these products restored, and what was created for them since this number removed."""
    options, products = stated_options(undone), products_of_groups(undone)
    parents = await created_parts.give_up_options(unit.conn, merchant_id, options, number)
    parents |= await former_groups.give_up(unit.conn, merchant_id, undo_id, products)
    unit.mark(RESTORE_GROUP, merchant_id, parents, priority=Priority.BULK)
    if await created_parts.give_up_labels(unit.conn, merchant_id, stated_labels(undone), number):
        unit.mark(REMOVE_LABELS, merchant_id, ALL_LABELS, priority=Priority.BULK)


async def mark_unused(
    unit: Unit, merchant_id: str, parent_ids: Collection[str] = (), item_ids: Collection[str] = ()
) -> None:
    """Have what is to be removed looked at again, after these parents or items gave up options or labels."""
    parents = await created_parts.parents(unit.conn, merchant_id, parent_ids, item_ids)
    unit.mark(RESTORE_GROUP, merchant_id, parents, priority=Priority.BULK)
    if await created_parts.has_labels(unit.conn, merchant_id):
        unit.mark(REMOVE_LABELS, merchant_id, ALL_LABELS, priority=Priority.BULK)


async def restore_groups(batch: Batch, deps: Deps) -> None:
    """Make the item groups of these parents what they were, except for what someone uses or renamed since."""
    async with batch.database.connection() as conn:
        former = {each.parent_id: each for each in await former_groups.find(conn, batch.merchant_id, batch.keys)}
    if not former:
        return
    async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:

        async def restore(parent_id: str) -> None:
            await _restore(batch, api, former[parent_id])

        await batch.for_each(list(former), restore, rejected=Code.PRODUCT_REJECTED, concurrency=lambda: api.concurrency)


async def _restore(batch: Batch, api: MerchantApi, former: FormerGroup) -> None:
    try:
        name, attributes = await clover.read_group(api, former.id)
    except NotFound:
        await _finish(batch, former, GroupRestoration(removed=former.given_up))
        return
    group = ItemGroup(former.parent_id, name, tuple(attributes), former.id, name, attributes)
    used = await clover.options_in_use(api, former.id) if former.given_up else set()
    wanted = restoration(former, group, used)
    if wanted.removed or wanted.name:
        async with batch.unit() as unit:
            await former_groups.doubt(unit.conn, batch.merchant_id, former)
    await _remove(api, wanted.removed)
    if wanted.name:
        await clover.rename_group(api, former.id, wanted.name)
    await _finish(batch, former, wanted)


async def _remove(api: MerchantApi, parts: Sequence[CreatedPart]) -> None:
    for each in parts:
        with suppress(NotFound):  # it may be gone already
            if each.attribute_id:
                await clover.delete_option(api, each.attribute_id, each.id)
            else:
                await clover.delete_attribute(api, each.id)


async def _finish(batch: Batch, former: FormerGroup, done: GroupRestoration) -> None:
    async with batch.unit() as unit:
        await created_parts.forget(unit.conn, batch.merchant_id, [each.id for each in done.removed])
        await created_parts.keep(unit.conn, batch.merchant_id, [each.id for each in done.kept])
        if former.name is not None:
            await former_groups.forget(unit.conn, batch.merchant_id, former)
        if done.is_renamed and former.undo_id and former.product_id:
            skipped = {former.product_id: ["variant"]}
            await undos.add_skipped(unit, batch.merchant_id, former.undo_id, skipped)


async def remove_labels(batch: Batch, deps: Deps) -> None:
    """Delete the categories and tags that were created for changes which were undone, unless something has them."""
    async with batch.unit() as unit:
        stated, unstated = await created_parts.given_up_labels(unit.conn, batch.merchant_id)
        await created_parts.keep(unit.conn, batch.merchant_id, stated)
    if not unstated:
        return
    async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:
        for each in unstated:
            with suppress(NotFound):  # it may be gone already
                if await clover_labels.is_in_use(api, each.kind, each.id):
                    continue
                await clover_labels.delete_label(api, each.kind, each.id)
            async with batch.unit() as unit:
                await labels.forget(unit.conn, batch.merchant_id, each)
                await created_parts.forget(unit.conn, batch.merchant_id, [each.id])
