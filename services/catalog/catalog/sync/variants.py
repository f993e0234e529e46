"""Brings variants to Clover: their item groups before the items are written, the options of the items after that."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.clover import item_groups as clover
from catalog.deps import Deps
from catalog.domain import matching
from catalog.domain.item_groups import ItemGroup, Ties, ties
from catalog.domain.items import OPTIONS, Item, own
from catalog.domain.matching import Step, Write
from catalog.domain.options import changes_options, known_options, lacks_options, options_after
from catalog.domain.products import ProductRecord
from catalog.store import item_groups, items, products, pushes, variants
from catalog.store.pushes import Pushed
from catalog.sync import writes
from catalog.sync.former_groups import mark_unused
from catalog.sync.item_groups import GroupPreparation
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db.lease import LeaseLost
from common.db.unit import Connection
from common.errors import (
    AllAgain,
    AppError,
    Forbidden,
    NotFound,
    Rejected,
    Throttled,
    Undecodable,
)
from common.work.batch import KEYS_A_CALL, Batch
from common.work.row import NotStarted
from common.work.side_by_side import NoSource, SideBySide


async def bind_groups(batch: Batch, steps: Sequence[Step]) -> list[Step]:
    """Give the parents of these variants the item groups of their items; hold the variants that are in another one."""
    async with batch.database.connection() as conn:
        group_ids = await item_groups.ids_of_parents(conn, batch.merchant_id, steps)
    if group_ids:
        async with batch.unit() as unit:
            await item_groups.bind(unit.conn, batch.merchant_id, group_ids)
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
        groups = await item_groups.find(conn, batch.merchant_id, by_parent)
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
        shown = await clover.options_of_items(api, [each.item_id for each in every if lacks_options(each)])
    except (Rejected, Undecodable) as error:  # it concerns no plain product
        _record(batch, every, error)
        return ready

    async def attempt(parent_id: str) -> None:
        preparation = GroupPreparation(batch, deps, api, groups[parent_id], shown)
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
    wanted = {_product(each): each for each in steps if isinstance(each, Write) and changes_options(each)}
    if not wanted:
        return
    async with batch.database.connection() as conn:
        assigned = await _to_assign(conn, batch.merchant_id, wanted)
    if not assigned:
        return
    for each in assigned:
        batch.reopen(_product(each.step))
    await _associate(batch, api, assigned)
    pushed = [each.pushed for each in assigned]
    async with batch.unit() as unit:
        options = {each.item_id: each.options for each in assigned if each.options is not None}
        await variants.save_options(unit.conn, batch.merchant_id, options)
        await pushes.save(unit.conn, batch.merchant_id, pushed)
        await mark_unused(unit, batch.merchant_id, parent_ids={_parent(each.step) for each in assigned})
    writes.finish(batch, pushed)


@dataclass(frozen=True)
class _Assignment:
    """The options that an item gets. `stored` is its product as it is stored; `item` is None if it was deleted."""

    step: Write
    item_id: str
    stored: ProductRecord
    item: Item | None
    group: ItemGroup

    @property
    def wanted(self) -> Mapping[str, str]:
        return self.step.record.wanted.options or {}

    @property
    def options(self) -> Mapping[str, str] | None:
        """The options that the item has afterwards."""
        return options_after(self.item.fields.options or {}, self.wanted) if self.item else None

    @property
    def ties(self) -> Ties:
        return ties(self.group, self.item_id, known_options(self.step) or {}, self.wanted)

    @property
    def pushed(self) -> Pushed:
        record = self.step.record
        fields = record.wanted.with_labels_of(self.stored.last_pushed)
        return Pushed(record, self.item_id, fields, self.stored.seen, self.group.id, written=(OPTIONS,))


async def _to_assign(conn: Connection, merchant_id: str, wanted: Mapping[str, Write]) -> list[_Assignment]:
    """Return what the items get whose products lack their options alone."""
    stored = await products.find_all(conn, merchant_id, list(wanted))
    linked = {each.item_id: each for each in stored if each.item_id and _lacks_options_alone(wanted, each)}
    shown = await items.find(conn, merchant_id, linked)
    groups = await item_groups.find(conn, merchant_id, {_parent(each) for each in wanted.values()})
    return [
        _Assignment(step := wanted[each.product.product_id], item_id, each, shown.get(item_id), groups[_parent(step)])
        for item_id, each in linked.items()
    ]


async def _associate(batch: Batch, api: MerchantApi, assigned: Sequence[_Assignment]) -> None:
    """Remove and add the associations. What is repeated after a lost answer does no harm."""
    async with batch.unit() as unit:
        begun = [(each.step.record, {OPTIONS: each.step.record.wanted.options}) for each in assigned]
        await pushes.start_writes(unit.conn, batch.merchant_id, begun)
    ties_of_all = [each.ties for each in assigned]
    try:
        await clover.untie_options(api, [tie for each in ties_of_all for tie in each.removed])
        await clover.tie_options(api, [tie for each in ties_of_all for tie in each.added])
    except (NotFound, Rejected):
        async with batch.unit() as unit:
            await item_groups.doubt(unit.conn, batch.merchant_id, {each.group.id for each in assigned if each.group.id})
        raise


def _product(step: Step) -> str:
    return step.record.product.product_id


def _parent(step: Step) -> str:
    variant = step.record.product.variant
    return variant.group if variant else ""


def _needs_work(group: ItemGroup, steps: Sequence[Write]) -> bool:
    return group.name != group.shown_name or any(changes_options(each) for each in steps)


def _lacks_options_alone(wanted: Mapping[str, Write], stored: ProductRecord) -> bool:
    """Whether all but the options of the product is written, and perhaps its labels."""
    changes = wanted[stored.product.product_id].record.wanted.changes_from(stored.last_pushed)
    return OPTIONS in changes and not own(changes)
