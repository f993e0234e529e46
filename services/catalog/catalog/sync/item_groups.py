"""Creates the parts that item groups lack, and deletes groups that are empty since their last variant was purged.

The intent to create a group or a part of it is committed before the call. An answer that is lost is settled by reading
the parts of the group, so that nothing is created twice.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import timedelta

from catalog.clover import item_groups as clover
from catalog.deps import Deps
from catalog.domain.choices import Master
from catalog.domain.former_groups import CreatedPart, appeared, created_part
from catalog.domain.item_groups import (
    CreateAttribute,
    CreateGroup,
    CreateOption,
    GroupWrite,
    ItemGroup,
    RenameGroup,
    ShownVariant,
    lost,
    refused_attributes,
    writes,
    written,
)
from catalog.domain.matching import LOOK_AGAIN, AdoptItem, UpdateItem, Write
from catalog.domain.matching_keys import name_key
from catalog.domain.options import changes_options, lacks_options, with_known_options
from catalog.store import created_parts, former_groups, item_groups, variants
from catalog.sync import masters
from catalog.sync.intents import intent
from common import messages
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.errors import NotFound
from common.work.batch import Batch


class GroupPreparation:
    """Prepares one item group for the items of some steps. `shown` are the options of items that the mirror lacks."""

    def __init__(
        self, batch: Batch, deps: Deps, api: MerchantApi, group: ItemGroup, shown: Mapping[str, ShownVariant]
    ) -> None:
        self._batch = batch
        self._settled = batch.now - deps.create_settle
        self._api = api
        self._group = group
        self._shown = shown

    async def run(self, steps: Sequence[Write]) -> list[Write]:
        """Create what the group lacks; return the steps that can be carried out."""
        if self._is_doubtful(steps):
            await self._read(self._plan(steps))
        steps = self._without_new_attributes(await self._with_options(steps))
        planned = self._plan(steps)
        created = [each for each in planned if not isinstance(each, RenameGroup)]
        begun_at = self._group.creating_since
        if created and begun_at and begun_at > self._settled:
            for step in steps:
                self._batch.retry(step.record.product.product_id, min(LOOK_AGAIN, begun_at - self._settled))
            return []
        for write in planned:
            await self._write(write)
        return [replace(each, record=replace(each.record, group_id=self._group.id)) for each in steps]

    def _plan(self, steps: Sequence[Write]) -> list[GroupWrite]:
        return writes(self._group, [each.record.wanted.options or {} for each in steps if changes_options(each)])

    def _is_doubtful(self, steps: Sequence[Write]) -> bool:
        group = self._group
        if group.id is None or group.attributes is None or group.creating_since or not group.has_items:
            return bool(group.id or group.creating_since)  # also one without items, which a person may have deleted
        return any(not group.explains(self._shown_of(each)) for each in steps if lacks_options(each))

    def _shown_of(self, step: AdoptItem | UpdateItem) -> ShownVariant:
        return self._shown.get(step.item_id, ShownVariant("", ()))

    async def _read(self, planned: Sequence[GroupWrite]) -> None:
        """Read what the group consists of. One whose create has no answer is looked for by its name, if it is empty.

        The planned parts that it has then were made by a create without an answer.
        """
        group = before = self._group
        if group.id is None:
            found = await clover.groups_named(self._api, group.shown_name or group.name)
            async with self._batch.database.connection() as conn:
                used = await item_groups.with_items(conn, self._batch.merchant_id, found)
                used |= (await item_groups.taken(conn, self._batch.merchant_id, found)).keys()
            if free := [each for each in found if each not in used]:
                group = replace(group, id=free[0], creating_since=None)
        if group.id is not None:
            try:
                name, attributes = await clover.read_group(self._api, group.id)
                group = replace(await self._named(group, name), shown_name=name, attributes=attributes)
            except NotFound:  # it was deleted in Clover
                group = lost(group)
        await self._save(group, appeared(before, planned, group))

    async def _named(self, group: ItemGroup, shown_name: str) -> ItemGroup:
        """Return the group with the name that it was given in Clover, if Clover is the master."""
        if group.shown_name in (None, shown_name):
            return group
        async with self._batch.unit() as unit:
            if await masters.master_of(unit.conn, self._batch.merchant_id) is not Master.CLOVER:
                return group
            is_taken = await masters.take_group_name(unit, self._batch.merchant_id, group, shown_name)
        return replace(group, name=shown_name) if is_taken else group

    async def _with_options(self, steps: Sequence[Write]) -> list[Write]:
        """Complete the steps by the options that their items have; what was edited in Clover is planned anew."""
        read = {
            each.item_id: self._group.options_of(self._shown_of(each).option_ids) or {}
            for each in steps
            if lacks_options(each)
        }
        edited: list[str] = []
        if read:
            async with self._batch.unit() as unit:
                await variants.save_options(unit.conn, self._batch.merchant_id, read)
                edited = await masters.absorb(unit, self._batch.merchant_id, list(read))
        for each in edited:
            self._batch.retry(each, timedelta(0))
        return [with_known_options(each, read) for each in steps if each.record.product.product_id not in edited]

    def _without_new_attributes(self, steps: Sequence[Write]) -> list[Write]:
        """Hold the variants that need an attribute which items of the group without a product would lack."""
        item_ids = [each.item_id for each in steps if isinstance(each, AdoptItem | UpdateItem)]
        refused = {name_key(name): name for name in refused_attributes(self._group, self._plan(steps), item_ids)}
        kept = []
        for step in steps:
            lacking = [refused[key] for name in step.record.wanted.options or {} if (key := name_key(name)) in refused]
            if lacking and changes_options(step):
                reason = messages.for_locale().text(
                    "reason.new_attribute", group=self._group.name, names=", ".join(lacking)
                )
                self._batch.hold(step.record.product.product_id, Code.PRODUCT_REJECTED, reason)
            else:
                kept.append(step)
        return kept

    async def _write(self, write: GroupWrite) -> None:
        if isinstance(write, RenameGroup):
            async with self._batch.unit() as unit:
                await former_groups.keep_name(unit.conn, self._batch.merchant_id, self._group)
            await clover.rename_group(self._api, self._group.id or "", self._group.name)
            new_id = ""
        else:
            async with self._intent():
                new_id = await self._create(write)
        group = written(self._group, write, new_id)
        part = created_part(group, write)
        await self._save(group, [part] if part else [])

    def _intent(self) -> AbstractAsyncContextManager[None]:
        """Return the intent to create the group or a part of it."""
        merchant_id, group = self._batch.merchant_id, self._group
        return intent(
            self._batch,
            lambda unit: item_groups.start_create(unit.conn, merchant_id, group, unit.now),
            lambda unit: item_groups.cancel_create(unit.conn, merchant_id, group),
        )

    async def _create(self, write: CreateGroup | CreateAttribute | CreateOption) -> str:
        match write:
            case CreateGroup():
                return await clover.create_group(self._api, self._group.name)
            case CreateAttribute():
                return await clover.create_attribute(self._api, self._group.id or "", write.name)
            case CreateOption():
                attribute = self._group.attribute(write.attribute)
                return await clover.create_option(self._api, attribute.id if attribute else "", write.name)

    async def _save(self, group: ItemGroup, created: Sequence[CreatedPart]) -> None:
        async with self._batch.unit() as unit:
            await item_groups.save(unit.conn, self._batch.merchant_id, group)
            await created_parts.save(unit.conn, self._batch.merchant_id, created)
        self._group = group


async def delete_groups(batch: Batch, deps: Deps) -> None:
    """Delete the item groups of these parents, unless one has a product or an item again."""
    async with deps.database.connection() as conn:
        groups = await item_groups.unused(conn, batch.merchant_id, batch.keys)
    async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:

        async def delete(parent_id: str) -> None:
            if group_id := groups[parent_id]:
                with suppress(NotFound):  # it may be gone already
                    await clover.delete_group(api, group_id)
            async with batch.unit() as unit:
                await item_groups.forget(unit.conn, batch.merchant_id, parent_id)

        await batch.for_each(list(groups), delete, rejected=Code.PRODUCT_REJECTED, concurrency=lambda: api.concurrency)
