"""Brings variants to Clover: their item groups with attributes and options before the items, their options after them.

The intent to create a group or a part of it is committed before the call. An answer that is lost is settled by reading
what the group consists of, so that nothing is created twice.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeGuard

from catalog.clover import item_groups as clover
from catalog.deps import Deps
from catalog.domain import matching
from catalog.domain.item_groups import (
    CreateAttribute,
    CreateGroup,
    CreateOption,
    GroupWrite,
    ItemGroup,
    RenameGroup,
    Ties,
    lost,
    new_attributes,
    ties,
    written,
)
from catalog.domain.item_groups import (
    writes as group_writes,
)
from catalog.domain.items import OPTIONS, own
from catalog.domain.matching import LOOK_AGAIN, AdoptItem, CreateItem, Step, UpdateItem, Write
from catalog.domain.products import ProductRecord
from catalog.domain.variants import as_wanted, option_key
from catalog.store import items, links, products, variants
from catalog.store.links import Pushed
from catalog.sync import writes
from common import messages
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db.lease import LeaseLost
from common.errors import (
    AllAgain,
    AppError,
    Forbidden,
    NotFound,
    Permanent,
    Rejected,
    Throttled,
    Transient,
    Undecodable,
)
from common.work.batch import KEYS_A_CALL, Batch
from common.work.row import NotStarted
from common.work.side_by_side import NoSource, SideBySide


async def bind_groups(batch: Batch, steps: Sequence[Step]) -> list[Step]:
    """Give the parents of these variants the item groups of their items; hold the variants that are in another one."""
    async with batch.database.connection() as conn:
        group_ids = await variants.group_ids_of(conn, batch.merchant_id, steps)
    if group_ids:
        async with batch.unit() as unit:
            await variants.bind(unit.conn, batch.merchant_id, group_ids)
    return [matching.in_group(step, group_ids) for step in steps]


async def prepare_groups(batch: Batch, deps: Deps, api: MerchantApi, steps: Sequence[Step]) -> list[Step]:
    """Create what the item groups of these variants lack; return the steps that have all they need.

    The groups are prepared side by side. An error concerns the variants of its group alone.
    """
    by_parent: dict[str, list[Write]] = defaultdict(list)
    for step in steps:
        if isinstance(step, Write) and step.record.wanted.options is not None:
            by_parent[_parent(step)].append(step)
    if not by_parent:
        return list(steps)
    async with batch.database.connection() as conn:
        groups = await variants.groups(conn, batch.merchant_id, by_parent)
    work = {each: found for each, found in by_parent.items() if _needs_work(groups[each], found)}
    ready = await _prepare_all(batch, deps, api, groups, work)
    return [ready.get(_product(each), each) for each in steps if _product(each) not in batch.outcomes]


async def _prepare_all(
    batch: Batch, deps: Deps, api: MerchantApi, groups: Mapping[str, ItemGroup], work: Mapping[str, Sequence[Write]]
) -> dict[str, Write]:
    """Prepare these groups; return the steps that can be carried out, by product. The others have their outcome."""
    ready: dict[str, Write] = {}
    every = [each for found in work.values() for each in found]
    try:
        shown = await clover.options_of_items(api, [each.item_id for each in every if _lacks_options(each)])
    except (Rejected, Undecodable) as error:  # it concerns no plain product
        _record(batch, every, error)
        return ready

    async def attempt(parent_id: str) -> None:
        preparation = Preparation(batch, deps, api, groups[parent_id], shown)
        try:
            ready.update({_product(each): each for each in await preparation.run(work[parent_id])})
        except (LeaseLost, Throttled, Forbidden, AllAgain):
            raise
        except AppError as error:
            _record(batch, work[parent_id], error)

    running = SideBySide(
        work,
        attempt,
        NoSource(),
        width=lambda: KEYS_A_CALL * api.concurrency,
        is_over=batch.gives_way_side_by_side,
    )
    for parent_id in await running.run():
        batch.outcomes |= {_product(each): NotStarted() for each in work[parent_id]}
    return ready


def _record(batch: Batch, steps: Sequence[Write], error: AppError) -> None:
    for each in steps:
        batch.record(_product(each), error, Code.PRODUCT_REJECTED)


async def assign_options(batch: Batch, api: MerchantApi, steps: Sequence[Step]) -> None:
    """Give the items that are written now their options, in few calls for all; their products are done then.

    A refusal concerns the whole batch, which the engine splits. What the groups consist of is read anew then.
    """
    wanted = {_product(each): each for each in steps if isinstance(each, Write) and _differs(each)}
    if not wanted:
        return
    async with batch.database.connection() as conn:
        stored = await products.find_all(conn, batch.merchant_id, list(wanted))
        linked = {each.item_id: each for each in stored if each.item_id and _lacks_options_alone(wanted, each)}
        shown = await items.find(conn, batch.merchant_id, linked)
        groups = await variants.groups(conn, batch.merchant_id, {_parent(each) for each in wanted.values()})
    steps_of = {item_id: wanted[each.product.product_id] for item_id, each in linked.items()}
    for each in linked.values():
        batch.outcomes.pop(each.product.product_id, None)
        batch.done.discard(each.product.product_id)
    async with batch.unit() as unit:
        begun = [(each.record, {OPTIONS: each.record.wanted.options}) for each in steps_of.values()]
        await links.start_writes(unit.conn, batch.merchant_id, begun)
    try:
        await _tie(api, [_ties(groups[_parent(each)], item_id, each) for item_id, each in steps_of.items()])
    except (NotFound, Rejected):
        async with batch.unit() as unit:
            await variants.doubt(unit.conn, batch.merchant_id, [each.id for each in groups.values() if each.id])
        raise
    async with batch.unit() as unit:
        options = {
            item_id: _after(shown[item_id].fields.options or {}, each.record.wanted.options or {})
            for item_id, each in steps_of.items()
            if item_id in shown
        }
        await variants.save_options(unit.conn, batch.merchant_id, options)
        pushed = [
            Pushed(
                each.record,
                item_id,
                each.record.wanted.with_labels_of(linked[item_id].last_pushed),
                linked[item_id].seen,
                groups[_parent(each)].id,
                written=(OPTIONS,),
            )
            for item_id, each in steps_of.items()
        ]
        await links.save_pushed(unit.conn, batch.merchant_id, pushed)
    writes.finish(batch, pushed)


class Preparation:
    """Prepares one item group for the items of some steps. `shown` are the options of items that the mirror lacks."""

    def __init__(
        self, batch: Batch, deps: Deps, api: MerchantApi, group: ItemGroup, shown: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._batch = batch
        self._settled = batch.now - deps.create_settle
        self._api = api
        self._group = group
        self._shown = shown

    async def run(self, steps: Sequence[Write]) -> list[Write]:
        """Create what the group lacks; return the steps that can be carried out."""
        if self._is_doubtful(steps):
            await self._read()
        steps = self._without_new_attributes(await self._with_options(steps))
        planned = self._plan(steps)
        created = [each for each in planned if not isinstance(each, RenameGroup)]
        begun_at = self._group.creating_since
        if created and begun_at and begun_at > self._settled:
            for step in steps:
                self._batch.retry(_product(step), min(LOOK_AGAIN, begun_at - self._settled))
            return []
        for write in planned:
            await self._write(write)
        return [replace(each, record=replace(each.record, group_id=self._group.id)) for each in steps]

    def _plan(self, steps: Sequence[Write]) -> list[GroupWrite]:
        return group_writes(self._group, [each.record.wanted.options or {} for each in steps if _differs(each)])

    def _is_doubtful(self, steps: Sequence[Write]) -> bool:
        group = self._group
        if group.id is None or group.attributes is None or group.creating_since or not group.has_items:
            return bool(group.id or group.creating_since)  # also one without items, which a person may have deleted
        return any(_lacks_options(each) and group.options_of(self._ids(each)) is None for each in steps)

    def _ids(self, step: Write) -> tuple[str, ...]:
        return () if isinstance(step, CreateItem) else self._shown.get(step.item_id, ())

    async def _read(self) -> None:
        """Read what the group consists of. One whose create has no answer is looked for by its name, if it is empty."""
        group = self._group
        if group.id is None:
            found = await clover.groups_named(self._api, group.shown_name or group.name)
            async with self._batch.database.connection() as conn:
                used = await variants.with_items(conn, self._batch.merchant_id, found)
                used |= (await variants.taken(conn, self._batch.merchant_id, found)).keys()
            if free := [each for each in found if each not in used]:
                group = replace(group, id=free[0], creating_since=None)
        if group.id is not None:
            try:
                group = replace(group, attributes=await clover.attributes_of(self._api, group.id))
            except NotFound:  # it was deleted in Clover
                group = lost(group)
        await self._save(group)

    async def _with_options(self, steps: Sequence[Write]) -> list[Write]:
        """Complete the steps by the options that their items have."""
        read = {each.item_id: self._group.options_of(self._ids(each)) or {} for each in steps if _lacks_options(each)}
        if read:
            async with self._batch.unit() as unit:
                await variants.save_options(unit.conn, self._batch.merchant_id, read)
        return [_knowing(each, read) for each in steps]

    def _without_new_attributes(self, steps: Sequence[Write]) -> list[Write]:
        """Hold the variants that need an attribute which the other items of the group lack."""
        refused = {option_key(name): name for name in new_attributes(self._group, self._plan(steps))}
        kept = []
        for step in steps:
            lacking = [
                refused[key] for name in step.record.wanted.options or {} if (key := option_key(name)) in refused
            ]
            if lacking and _differs(step):
                reason = messages.for_locale().text(
                    "reason.new_attribute", group=self._group.name, names=", ".join(lacking)
                )
                self._batch.hold(_product(step), Code.PRODUCT_REJECTED, reason)
            else:
                kept.append(step)
        return kept

    async def _write(self, write: GroupWrite) -> None:
        if isinstance(write, RenameGroup):
            await clover.rename_group(self._api, self._group.id or "", self._group.name)
            new_id = ""
        else:
            new_id = await self._create(write)
        await self._save(written(self._group, write, new_id))

    async def _create(self, write: CreateGroup | CreateAttribute | CreateOption) -> str:
        async with self._batch.unit() as unit:
            await variants.start_create(unit.conn, self._batch.merchant_id, self._group, unit.now)
        try:
            match write:
                case CreateGroup():
                    return await clover.create_group(self._api, self._group.name)
                case CreateAttribute():
                    return await clover.create_attribute(self._api, self._group.id or "", write.name)
                case CreateOption():
                    attribute = self._group.attribute(write.attribute)
                    return await clover.create_option(self._api, attribute.id if attribute else "", write.name)
        except (Permanent, Transient):  # Ambiguous is not caught: there it may exist
            async with self._batch.unit() as unit:
                await variants.cancel_create(unit.conn, self._batch.merchant_id, self._group)
            raise

    async def _save(self, group: ItemGroup) -> None:
        async with self._batch.unit() as unit:
            await variants.save_group(unit.conn, self._batch.merchant_id, group)
        self._group = group


def _product(step: Step) -> str:
    return step.record.product.product_id


def _parent(step: Step) -> str:
    variant = step.record.product.variant
    return variant.group if variant else ""


def _options(step: Write) -> Mapping[str, str] | None:
    """Return the options that the item has; None if they are to be read."""
    return {} if isinstance(step, CreateItem) else step.known.options


def _differs(step: Write) -> bool:
    """Whether the item is to get other options than it has."""
    wanted = step.record.wanted.options
    return wanted is not None and wanted != _options(step)


def _lacks_options(step: Write) -> TypeGuard[AdoptItem | UpdateItem]:
    return not isinstance(step, CreateItem) and step.known.options is None


def _needs_work(group: ItemGroup, steps: Sequence[Write]) -> bool:
    return group.name != group.shown_name or any(_differs(each) for each in steps)


def _knowing(step: Write, read: Mapping[str, Mapping[str, str]]) -> Write:
    if isinstance(step, CreateItem) or step.item_id not in read:
        return step
    options = as_wanted(read[step.item_id], step.record.wanted.options or {})
    return replace(step, known=replace(step.known, options=options))


def _lacks_options_alone(wanted: Mapping[str, Write], stored: ProductRecord) -> bool:
    """Whether all but the options of the product is written, and perhaps its labels."""
    changes = wanted[stored.product.product_id].record.wanted.changes_from(stored.last_pushed)
    return OPTIONS in changes and not own(changes)


def _ties(group: ItemGroup, item_id: str, step: Write) -> Ties:
    return ties(group, item_id, _options(step) or {}, step.record.wanted.options or {})


async def _tie(api: MerchantApi, wanted: Sequence[Ties]) -> None:
    """Remove and add these associations. What is repeated after a lost answer does no harm."""
    await clover.untie_options(api, [tie for each in wanted for tie in each.removed])
    await clover.tie_options(api, [tie for each in wanted for tie in each.added])


def _after(before: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the options of an item that had others before. Those of other attributes stay."""
    keys = set(map(option_key, wanted))
    return {name: value for name, value in before.items() if option_key(name) not in keys} | dict(wanted)
