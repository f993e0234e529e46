"""Carries out the steps of a plan: a few products by a call each, side by side, and many in one call.

The intent to create is committed before the call. An answer that is lost is settled by reading: the products are
planned again, and the items that were created are found by their SKUs. When Clover refuses a call of many rows, the
engine splits the batch until the bad row stands alone.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias

from catalog.clover import items as clover
from catalog.domain.items import Item, own
from catalog.domain.links import NewLink
from catalog.domain.matching import LOOK_AGAIN, AdoptItem, CreateItem, HoldProduct, LookAgain, Step, UpdateItem
from catalog.domain.products import ProductRecord
from catalog.store import former_items, items, links, variants
from catalog.store.links import Pushed
from catalog.sync import lookups
from catalog.sync.items import save_shown
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db.unit import Unit
from common.errors import Again, Ambiguous, NotFound, Permanent, Transient
from common.work.batch import Batch

FEW = 10
"""This many products, or fewer, go one by one: an error then concerns its product alone."""

NEW: Mapping[str, Any] = dict.fromkeys(("category_ids", "tag_ids", "tax_rate_ids"), ())
"""The labels of an item that was just created, which the answer does not show."""

Update: TypeAlias = AdoptItem | UpdateItem


async def execute(batch: Batch, api: MerchantApi, steps: Sequence[Step]) -> None:
    """Carry out these steps; a product that is held or looked for again gets its outcome."""
    for step in steps:
        match step:
            case HoldProduct():
                batch.hold(step.record.product.product_id, Code.PRODUCT_REJECTED, step.reason)
            case LookAgain():
                batch.retry(step.record.product.product_id, step.after)
    adopted = [step for step in steps if isinstance(step, AdoptItem)]
    if adopted:
        async with batch.unit() as unit:
            await former_items.save(
                unit.conn, batch.merchant_id, {step.item_id: step.known.stated() for step in adopted}
            )
            pushed = [Pushed(step.record, step.item_id, step.known, group_id=step.details.group_id) for step in adopted]
            await _save_links(unit, batch, pushed)
    await _create(batch, api, [step.record for step in steps if isinstance(step, CreateItem)])
    await _update(batch, api, [step for step in steps if isinstance(step, Update)])


async def _create(batch: Batch, api: MerchantApi, records: Sequence[ProductRecord]) -> None:
    if len(records) <= FEW:
        await _create_singly(batch, api, records)
        return
    number = await _start_creates(batch, records)
    try:
        created = await clover.create_items(api, [each.new_item for each in records])
    except (Permanent, Transient):  # Ambiguous is not caught: there the items may exist
        await _cancel_creates(batch, records)
        raise
    if not created:
        raise Ambiguous("created, but the response shows no items")
    by_sku = {item.fields.sku: item for item in created}
    shown = [(each, by_sku[each.product.sku]) for each in records if each.product.sku in by_sku]
    await _save_created(batch, shown, number)
    await _create_left_out(batch, api, [each for each in records if each.product.sku not in by_sku])


async def _create_left_out(batch: Batch, api: MerchantApi, records: Sequence[ProductRecord]) -> None:
    """Create singly what the answer to a call of many lacks, so that Clover says why, unless it may be there."""
    if not records:
        return
    found = await lookups.candidates(batch, api, records)
    there = {each.product.sku for each in records} if found is None else {item.fields.sku for item in found}
    for each in records:
        if each.product.sku in there:
            batch.retry(each.product.product_id, timedelta(0))
    await _create_singly(batch, api, [each for each in records if each.product.sku not in there])


async def _create_singly(batch: Batch, api: MerchantApi, records: Sequence[ProductRecord]) -> None:
    by_id = {each.product.product_id: each for each in records}

    async def create(product_id: str) -> None:
        record = by_id[product_id]
        number = await _start_creates(batch, [record])
        try:
            item = await clover.create_item(api, record.new_item)
        except (Permanent, Transient) as error:
            await _cancel_creates(batch, [record])
            if isinstance(error, NotFound) and record.group_id:  # its item group was deleted
                async with batch.unit() as unit:
                    await variants.doubt(unit.conn, batch.merchant_id, [record.group_id])
                raise Again(LOOK_AGAIN) from error
            raise
        await _save_created(batch, [(record, item)], number)

    await _one_by_one(batch, api, by_id, create)


async def _start_creates(batch: Batch, records: Sequence[ProductRecord]) -> int:
    async with batch.unit() as unit:
        await links.start_creates(unit.conn, batch.merchant_id, records, unit.now)
        return await items.draw_number(unit.conn)


async def _cancel_creates(batch: Batch, records: Sequence[ProductRecord]) -> None:
    async with batch.unit() as unit:
        await links.cancel_creates(unit.conn, batch.merchant_id, [each.product.product_id for each in records])


async def _save_created(batch: Batch, created: Sequence[tuple[ProductRecord, Item]], number: int) -> None:
    async with batch.unit() as unit:
        pushed = [_created(record, item) for record, item in created]
        await _save_links(unit, batch, pushed)
        await save_shown(unit, batch.merchant_id, [_new(record, item) for record, item in created], number)
    finish(batch, pushed)


def _created(record: ProductRecord, item: Item) -> Pushed:
    fields = record.wanted.with_labels_of(None).with_options_of(None)
    return Pushed(record, item.id, fields, group_id=item.details.group_id or record.group_id)


def _new(record: ProductRecord, item: Item) -> Item:
    """Return the item with what the answer does not show: a new one has neither labels nor options."""
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
    number = await _save_known(batch, different)
    if len(different) > FEW:
        different = await _update_together(batch, api, different, changes, number)
    await _update_singly(batch, api, different, changes, number)


async def _save_former(batch: Batch, steps: Sequence[Update]) -> None:
    """Keep what the items had in fields that their products state for the first time."""
    former = {step.item_id: fields for step in steps if (fields := step.record.newly_stated(step.known))}
    if former:
        async with batch.unit() as unit:
            await former_items.save(unit.conn, batch.merchant_id, former)


def _pushed(step: Update) -> Pushed:
    fields = step.record.wanted.with_labels_of(step.known).with_options_of(step.known)
    return Pushed(step.record, step.item_id, fields, step.known, step.details.group_id)


def _is_news(step: Update) -> bool:
    return step.record.is_due or step.record.seen != step.known


async def _save_known(batch: Batch, steps: Sequence[Update]) -> int:
    """Record what Clover has, so that the products show as pending until the changes are written."""
    known = [
        Pushed(step.record, step.item_id, step.known)
        for step in steps
        if step.record.item_id and step.record.last_pushed != step.known
    ]
    async with batch.unit() as unit:
        if known:
            await links.save_known(unit.conn, batch.merchant_id, known)
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
    await _save_pushed(batch, [each for each in steps if each.item_id in written], written.values(), number)
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
        await _save_pushed(batch, [step], [item] if item else [], number)

    await _one_by_one(batch, api, by_id, update)


async def _save_pushed(batch: Batch, steps: Sequence[Update], written: Iterable[Item] = (), number: int = 0) -> None:
    """Record that Clover has what these products want, and link the items that are not linked under their SKU.

    The process may have ended between the last write to Clover and this unit, so the links are looked at each time.
    """
    if not steps:
        return
    by_item = {step.item_id: step for step in steps}
    shown = [_shown(by_item[item.id], item) for item in written if item.id in by_item]
    async with batch.unit() as unit:
        pushed = [_pushed(step) for step in steps]
        await links.save_pushed(unit.conn, batch.merchant_id, pushed)
        missing = await links.missing(unit.conn, batch.merchant_id, map(_link, pushed))
        if missing:
            await links.link(unit, batch.merchant_id, missing)
        await save_shown(unit, batch.merchant_id, shown, number)
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


async def _save_links(unit: Unit, batch: Batch, pushed: Sequence[Pushed]) -> None:
    await links.save_pushed(unit.conn, batch.merchant_id, pushed)
    await links.link(unit, batch.merchant_id, [_link(each) for each in pushed])


def _link(pushed: Pushed) -> NewLink:
    return NewLink(pushed.record.product.product_id, pushed.item_id, pushed.record.product.sku)


async def _one_by_one(
    batch: Batch, api: MerchantApi, keys: Iterable[str], push_one: Callable[[str], Awaitable[None]]
) -> None:
    await batch.for_each(list(keys), push_one, rejected=Code.PRODUCT_REJECTED, concurrency=lambda: api.concurrency)
