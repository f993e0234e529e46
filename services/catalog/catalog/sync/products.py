"""Pushes products to Clover: compares them with its items as sets, and has what differs written."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from catalog.clover.items import MOST_IN_BULK
from catalog.deps import Deps
from catalog.domain import matching
from catalog.domain.matching import HoldProduct, LookAgain, Step
from catalog.domain.products import Held, ProductRecord, wait_for_others
from catalog.store import link_choices, links, products, pushes
from catalog.sync import lookups, masters, writes
from catalog.sync.labels import LabelReader, assign_labels, prepare_labels
from catalog.sync.removals import remove_products
from catalog.sync.variants import assign_options, bind_groups, prepare_groups
from catalog.sync.writes import FEW
from common import messages
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db.unit import Priority, Unit
from common.errors import AllAgain
from common.work.batch import Batch
from common.work.row import Hold, Outcome

UNTIL_COMPLETE = timedelta(seconds=2)
"""The pause before products are matched again while the mirror of a merchant's items is not complete."""


async def push_products(batch: Batch, deps: Deps) -> None:
    """Create or update the Clover items of these products; link the items that exist already."""
    async with deps.database.connection() as conn:
        records = await products.find_all(conn, batch.merchant_id, batch.keys_untried_first)
    records = [each for each in records if each.item_id or each.is_due]
    if not records:
        return
    _gather(batch, deps, records)
    batch.subjects |= {each.product.product_id: _subject(each) for each in records}
    async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:
        kept, labels = [each for each in records if not each.removal], LabelReader(batch, api)
        steps, lost = await _compare(batch, api, labels, [each for each in kept if each.item_id])
        without_item = [*lost, *(each for each in kept if not each.item_id)]
        steps += await _match(batch, deps, api, labels, without_item)
        steps = await prepare_labels(batch, deps, labels, steps)
        steps = await prepare_groups(batch, deps, api, steps)
        steps = await writes.execute(batch, api, steps)
        await assign_options(batch, api, steps)
        await assign_labels(batch, labels, steps)
        removed = [each for each in records if each.removal]
        in_doubt = [each for each in removed if not each.item_id and each.creating_since]
        await remove_products(batch, api, removed, await _settle(batch, deps, api, labels, in_doubt))


def _gather(batch: Batch, deps: Deps, records: Sequence[ProductRecord]) -> None:
    """Let products of a batch wait for further ones, unless they fill a call already."""
    changed_at = [each.updated_at for each in records if each.is_due]
    if batch.priority is Priority.BULK and FEW < len(changed_at) < MOST_IN_BULK:
        wait = wait_for_others(changed_at, batch.now, deps.batch_gathers)
        if wait is not None:
            raise AllAgain(wait)


async def save_holds(unit: Unit, merchant_id: str, outcomes: Mapping[str, Outcome | None]) -> None:
    """Keep on each product the problem it is held under; its lists and filters read nothing else."""
    holds = {
        product_id: Held(outcome.problem, outcome.reason) if isinstance(outcome, Hold) else None
        for product_id, outcome in outcomes.items()
    }
    await products.save_holds(unit.conn, merchant_id, holds)


async def clear_holds(unit: Unit, merchant_id: str, product_ids: Sequence[str]) -> None:
    """Show these products as due, as a person asked for another attempt."""
    await products.save_holds(unit.conn, merchant_id, dict.fromkeys(product_ids))


def _subject(record: ProductRecord) -> str:
    return f"{record.product.name} ({record.product.sku})"


async def _compare(
    batch: Batch, api: MerchantApi, labels: LabelReader, records: Sequence[ProductRecord]
) -> tuple[list[Step], list[ProductRecord]]:
    """Return the steps of the linked products, and those that are due without an item, as Clover deleted it.

    A product that was put by itself is compared with what Clover has now; the others are compared with the mirror.
    """
    ids = [each.item_id for each in records if each.item_id]
    in_background = batch.priority is Priority.BULK
    found = await (lookups.linked_items if in_background else lookups.read_items)(batch, api, ids)
    there = [each for each in records if each.item_id in found]
    await labels.of_products(there, found.values())  # those that are new in Clover are read
    steps = await masters.compare(batch, there, found)
    lost = [each for each in records if each.item_id not in found]
    if lost:
        async with batch.unit() as unit:
            lost = await pushes.forget_items(unit.conn, batch.merchant_id, lost)
    return await bind_groups(batch, steps), [each for each in lost if each.is_due]


async def _match(
    batch: Batch, deps: Deps, api: MerchantApi, labels: LabelReader, records: Sequence[ProductRecord]
) -> list[Step]:
    """Return the steps of the products without an item: link one that Clover has, or create it."""
    records = await _without_rivals(batch, records)
    if not records:
        return []
    try:
        items = await lookups.candidates(batch, api, records)
    except lookups.Unlisted as error:
        return _wait(batch, records, Code.ITEMS_UNREADABLE, str(error))
    if items is None:
        return _wait(batch, records)
    records = await lookups.without_unreadable(batch, records)
    records, items = await lookups.without_deleted(batch, api, records, items, batch.now - deps.create_settle)
    async with deps.database.connection() as conn:
        owners = await links.owners(conn, batch.merchant_id, [item.id for item in items])
        rivals = await products.seekers(conn, batch.merchant_id, items, [each.product.product_id for each in records])
        master = await masters.master_of(conn, batch.merchant_id)
    named = await labels.of_products(records, items)
    steps = matching.plan(records, items, owners, batch.now, deps.create_settle, rivals, named, master)
    steps = await bind_groups(batch, steps)
    async with batch.unit() as unit:
        await link_choices.save_conflicts(unit.conn, batch.merchant_id, matching.conflicts(steps))
    return steps


def _wait(batch: Batch, records: Sequence[ProductRecord], problem: Code | None = None, reason: str = "") -> list[Step]:
    """Match these products again soon; there is no step until then."""
    for each in records:
        batch.retry(each.product.product_id, UNTIL_COMPLETE, problem, reason)
    return []


async def _settle(
    batch: Batch, deps: Deps, api: MerchantApi, labels: LabelReader, records: Sequence[ProductRecord]
) -> list[Step]:
    """Return the steps of products that are to be deleted while a create has no answer; some wait for it."""
    steps = await _match(batch, deps, api, labels, records)
    await writes.execute(batch, api, [each for each in steps if isinstance(each, HoldProduct | LookAgain)])
    return steps


async def _without_rivals(batch: Batch, records: Sequence[ProductRecord]) -> list[ProductRecord]:
    """Hold the products whose item was deleted and whose SKU another product has now; return the others."""
    lost = [each.product.product_id for each in records if each.deleted_item_id]
    if not lost:
        return list(records)
    async with batch.database.connection() as conn:
        rivals = await links.rivals(conn, batch.merchant_id, lost)
    for product_id, rival in rivals.items():
        reason = messages.for_locale().text("reason.sku_of_other_product", product=rival)
        batch.hold(product_id, Code.PRODUCT_REJECTED, reason)
    return [each for each in records if each.product.product_id not in rivals]
