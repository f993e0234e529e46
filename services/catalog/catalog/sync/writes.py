"""Carries out the steps of a plan: a few products by a call each, side by side, and many in one call.

The intent to create is committed before the call. An answer that is lost is settled by reading: the products are
planned again, and the items that were created are found by their SKUs. When Clover refuses a call of many rows, the
engine splits the batch until the bad row stands alone.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeAlias

from catalog.clover import items as clover
from catalog.domain.choices import Master
from catalog.domain.items import Item, own
from catalog.domain.links import NewLink
from catalog.domain.matching import LOOK_AGAIN, AdoptItem, CreateItem, HoldProduct, LookAgain, Step, UpdateItem
from catalog.domain.products import ProductRecord
from catalog.links import link_items
from catalog.store import former_items, item_groups, items, links, pushes
from catalog.store.pushes import Pushed
from catalog.sync import lookups, masters
from catalog.sync.intents import intent
from catalog.sync.items import follow
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db.unit import Unit
from common.errors import Again, Ambiguous, NotFound
from common.work.batch import Batch

FEW = 10
"""This many products, or fewer, go one by one: an error then concerns its product alone."""

NEW: Mapping[str, Any] = dict.fromkeys(("category_ids", "tag_ids", "tax_rate_ids"), ())
"""The labels of an item that was just created, which the answer does not show."""

Update: TypeAlias = AdoptItem | UpdateItem

NOTHING: Mapping[str, Any] = MappingProxyType({})


async def execute(batch: Batch, api: MerchantApi, steps: Sequence[Step]) -> list[Step]:
    """Carry out these steps and return them, after links as they follow from the values that the products took over.

    A product that is held or looked for again gets its outcome.
    """
    adopted = [step for step in steps if isinstance(step, AdoptItem)]
    steps = [*(step for step in steps if not isinstance(step, AdoptItem)), *await _adopt(batch, adopted)]
    for step in steps:
        match step:
            case HoldProduct():
                batch.hold(step.record.product.product_id, Code.PRODUCT_REJECTED, step.reason)
            case LookAgain():
                batch.retry(step.record.product.product_id, step.after)
    await _create(batch, api, [step.record for step in steps if isinstance(step, CreateItem)])
    await _update(batch, api, [step for step in steps if isinstance(step, Update)])
    return steps


async def _adopt(batch: Batch, steps: Sequence[AdoptItem]) -> Sequence[Step]:
    """Link these items; return the steps that follow. An item of Clover's may have values that its product takes."""
    if not steps:
        return []
    async with batch.unit() as unit:
        found = await items.lock(unit.conn, batch.merchant_id, [step.item_id for step in steps])
        await former_items.save(unit.conn, batch.merchant_id, {step.item_id: step.shown.stated() for step in steps})
        pushed = [Pushed(step.record, step.item_id, step.known, group_id=step.details.group_id) for step in steps]
        await _save_links(unit, batch, pushed)
        await masters.absorb(unit, batch.merchant_id, list(found), "linked")
        master = await masters.master_of(unit.conn, batch.merchant_id)
    if master is Master.QUICKSYNC:
        return steps
    return await masters.compare(batch, [step.record for step in steps], found)


async def _create(batch: Batch, api: MerchantApi, records: Sequence[ProductRecord]) -> None:
    if len(records) <= FEW:
        await _create_singly(batch, api, records)
        return
    async with _intent(batch, records) as number:
        created = await clover.create_items(api, [each.new_item for each in records])
    if not created:
        raise Ambiguous("created, but the response shows no items")
    by_sku = {item.fields.sku: item for item in created}
    shown = [(each, by_sku[each.product.sku]) for each in records if each.product.sku in by_sku]
    if shown:
        await _save_created(batch, shown, number)
    await _create_left_out(batch, api, [each for each in records if each.product.sku not in by_sku])


async def _create_left_out(batch: Batch, api: MerchantApi, records: Sequence[ProductRecord]) -> None:
    """Create singly the items that the answer to a call of many lacks, unless they may be there: Clover says why."""
    if not records:
        return
    there = await lookups.perhaps_there(batch, api, records)
    for product_id in there:
        batch.retry(product_id, timedelta(0))
    left = [each for each in records if each.product.product_id not in there]
    await _create_singly(batch, api, await lookups.without_unreadable(batch, left))


async def _create_singly(batch: Batch, api: MerchantApi, records: Sequence[ProductRecord]) -> None:
    by_id = {each.product.product_id: each for each in records}

    async def create(product_id: str) -> None:
        record = by_id[product_id]
        try:
            async with _intent(batch, [record]) as number:
                item = await clover.create_item(api, record.new_item)
        except NotFound as error:
            if record.group_id is None:
                raise
            async with batch.unit() as unit:  # its item group was deleted
                await item_groups.doubt(unit.conn, batch.merchant_id, [record.group_id])
            raise Again(LOOK_AGAIN) from error
        await _save_created(batch, [(record, item)], number)

    await _one_by_one(batch, api, by_id, create)


def _intent(batch: Batch, records: Sequence[ProductRecord]) -> AbstractAsyncContextManager[int]:
    """Return the intent to create the items of these products. It gives the number to save the items under."""

    async def start(unit: Unit) -> int:
        await pushes.start_creates(unit.conn, batch.merchant_id, records, unit.now)
        return await items.draw_number(unit.conn)

    async def cancel(unit: Unit) -> None:
        await pushes.cancel_creates(unit.conn, batch.merchant_id, [each.product.product_id for each in records])

    return intent(batch, start, cancel)


async def _save_created(batch: Batch, created: Sequence[tuple[ProductRecord, Item]], number: int) -> None:
    async with batch.unit() as unit:
        shown = [_new(record, item) for record, item in created]
        saved = await items.save(unit.conn, batch.merchant_id, shown, number)
        pushed = [_created(record, item) for record, item in created]
        await _save_links(unit, batch, pushed)
        await follow(unit, batch.merchant_id, shown, saved)
    finish(batch, pushed)


def _created(record: ProductRecord, item: Item) -> Pushed:
    fields = record.wanted.with_labels_of(None).with_options_of(None)
    return Pushed(record, item.id, fields, group_id=item.details.group_id or record.group_id)


def _new(record: ProductRecord, item: Item) -> Item:
    """Return the item with the parts that the answer does not show: a new one has neither labels nor options."""
    fields = replace(item.fields, options={}) if record.is_member else item.fields
    return replace(item, fields=fields, details=replace(item.details, **NEW))


async def _update(batch: Batch, api: MerchantApi, steps: Sequence[Update]) -> None:
    """Write the fields that differ; a repeated update does no harm."""
    await _save_former(batch, steps)
    changes = {step.item_id: own(step.record.wanted.changes_from(step.known)) for step in steps}
    await _save_pushed(batch, [step for step in steps if not changes[step.item_id] and _is_news(step)])
    different = [step for step in steps if changes[step.item_id]]
    if not different:
        return
    number = await _start_writes(batch, different, changes)
    if len(different) > FEW:
        different = await _update_together(batch, api, different, changes, number)
    await _update_singly(batch, api, different, changes, number)


async def _save_former(batch: Batch, steps: Sequence[Update]) -> None:
    """Keep the values of the items in fields that their products state for the first time."""
    former = {step.item_id: fields for step in steps if (fields := step.record.newly_stated(step.known))}
    if former:
        async with batch.unit() as unit:
            await former_items.save(unit.conn, batch.merchant_id, former)


def _is_news(step: Update) -> bool:
    return step.record.is_due or step.record.seen != step.known


async def _start_writes(batch: Batch, steps: Sequence[Update], changes: Mapping[str, Mapping[str, object]]) -> int:
    """Record the values about to be written, so that none is taken for an edit made in Clover if the answer is lost."""
    async with batch.unit() as unit:
        begun = [(step.record, changes[step.item_id]) for step in steps]
        await pushes.start_writes(unit.conn, batch.merchant_id, begun)
        return await items.draw_number(unit.conn)


async def _update_together(
    batch: Batch,
    api: MerchantApi,
    steps: Sequence[Update],
    changes: Mapping[str, Mapping[str, object]],
    number: int,
) -> list[Update]:
    """Write all of them in one call; return those that the answer lacks, which are written singly to learn why."""
    answer = await clover.update_items(api, {each.item_id: changes[each.item_id] for each in steps})
    written = {item.id: item for item in answer}
    if not written:  # the form of the answer is not known
        written = await lookups.read_items(batch, api, [each.item_id for each in steps])
    shown = [each for each in steps if each.item_id in written]
    await _save_pushed(batch, shown, [written[each.item_id] for each in shown], number, changes)
    return [each for each in steps if each.item_id not in written]


async def _update_singly(
    batch: Batch,
    api: MerchantApi,
    steps: Sequence[Update],
    changes: Mapping[str, Mapping[str, object]],
    number: int,
) -> None:
    by_id = {step.record.product.product_id: step for step in steps}

    async def update(product_id: str) -> None:
        step = by_id[product_id]
        try:
            item = await clover.update_item(api, step.item_id, changes[step.item_id])
        except NotFound:
            if await lookups.read_items(batch, api, [step.item_id]):
                raise
            batch.retry(product_id, timedelta(0))  # without its item, it is planned anew
            return
        if item is None:  # the mirror must not stay behind the written items
            item = (await lookups.read_items(batch, api, [step.item_id])).get(step.item_id)
        await _save_pushed(batch, [step], [item] if item else [], number, changes)

    await _one_by_one(batch, api, by_id, update)


async def _save_pushed(
    batch: Batch,
    steps: Sequence[Update],
    written: Sequence[Item] = (),
    number: int = 0,
    changes: Mapping[str, Mapping[str, object]] = NOTHING,
) -> None:
    """Record that Clover has the values of these products, and link items that are not linked under their SKU.

    The process may have ended between the last write to Clover and this unit, so the links are looked at each time.
    """
    if not steps:
        return
    by_item = {step.item_id: step for step in steps}
    shown = {item.id: _shown(by_item[item.id], item) for item in written if item.id in by_item}
    async with batch.unit() as unit:
        saved = await items.save(unit.conn, batch.merchant_id, shown.values(), number)
        pushed = [_pushed(step, shown.get(step.item_id), changes.get(step.item_id, NOTHING)) for step in steps]
        await pushes.save(unit.conn, batch.merchant_id, pushed)
        missing = await links.missing(unit.conn, batch.merchant_id, map(_link, pushed))
        if missing:
            await link_items(unit, batch.merchant_id, missing)
        await follow(unit, batch.merchant_id, list(shown.values()), saved)
    finish(batch, pushed)


def _shown(step: Update, item: Item) -> Item:
    """Return the item as the answer to a write shows it, without the tax rates that it had by default."""
    loses_default = step.known.default_tax_rates and item.fields.default_tax_rates is False
    return replace(item, details=replace(item.details, tax_rate_ids=())) if loses_default else item


def finish(batch: Batch, pushed: Iterable[Pushed]) -> None:
    """Note that these products are done, apart from those whose labels or options are still to be written."""
    for each in pushed:
        if each.fields == each.record.wanted:
            batch.done.add(each.record.product.product_id)
        else:
            batch.retry(each.record.product.product_id, timedelta(0))


def _pushed(step: Update, shown: Item | None, changes: Mapping[str, object]) -> Pushed:
    """Return the product as pushed. Clover does not keep values that its answer shows otherwise than written."""
    record, seen = step.record, step.known
    found = record.adopt(shown.fields) if shown else None
    if found and any(getattr(found, name) != value for name, value in changes.items()):
        seen = found.with_labels_of(step.known).with_options_of(step.known)
    fields = record.wanted.with_labels_of(step.known).with_options_of(step.known)
    return Pushed(record, step.item_id, fields, seen, step.details.group_id, tuple(changes))


async def _save_links(unit: Unit, batch: Batch, pushed: Sequence[Pushed]) -> None:
    await pushes.save(unit.conn, batch.merchant_id, pushed)
    apart = [each.record.product.product_id for each in pushed if each.record.is_apart]
    await link_items(unit, batch.merchant_id, [_link(each) for each in pushed], apart)


def _link(pushed: Pushed) -> NewLink:
    return NewLink(pushed.record.product.product_id, pushed.item_id, pushed.record.product.sku)


async def _one_by_one(
    batch: Batch, api: MerchantApi, keys: Iterable[str], push_one: Callable[[str], Awaitable[None]]
) -> None:
    await batch.for_each(list(keys), push_one, rejected=Code.PRODUCT_REJECTED, concurrency=lambda: api.concurrency)
