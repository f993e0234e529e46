"""Pushes products to Clover: finds each product's item, plans the step and carries it out."""

from collections.abc import Mapping, Sequence

from catalog.clover import items as clover
from catalog.deps import Deps
from catalog.domain import matching
from catalog.domain.items import Item, ItemFields
from catalog.domain.matching import AdoptItem, CreateItem, HoldProduct, LookAgain, Step, UpdateItem
from catalog.domain.products import Held, ProductRecord
from catalog.store import links, products
from common import messages
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db.unit import Unit
from common.errors import Permanent, Transient
from common.work.batch import Batch
from common.work.row import Hold, Outcome


async def push_products(batch: Batch, deps: Deps) -> None:
    """Create or update the Clover items of these products; link the items that exist already."""
    async with deps.database.connection() as conn:
        records = await products.find_all(conn, batch.merchant_id, batch.keys_untried_first)
    by_id = {each.product.product_id: each for each in records if each.item_id or each.is_due}
    if not by_id:
        return
    batch.subjects |= {product_id: _subject(record) for product_id, record in by_id.items()}
    async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:

        async def push(product_id: str) -> None:
            await _push(batch, deps, api, by_id[product_id])

        await batch.for_each(list(by_id), push, rejected=Code.PRODUCT_REJECTED, concurrency=lambda: api.concurrency)


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


async def _push(batch: Batch, deps: Deps, api: MerchantApi, record: ProductRecord) -> None:
    """Push one product: read its item and write what differs; without an item, look for one over HTTP.

    The item is always read first: it may have been changed or deleted at the till since the last write.
    """
    if record.item_id:
        item = await clover.find_item(api, record.item_id)
        if item:
            await _execute(batch, api, matching.compare(record, item))
            return
        async with batch.unit() as unit:
            record = await links.forget_item(unit.conn, batch.merchant_id, record)
    if record.is_due:
        await _find_or_create(batch, deps, api, record)


async def _find_or_create(batch: Batch, deps: Deps, api: MerchantApi, record: ProductRecord) -> None:
    """Link the item with the product's SKU, or create one; one call for each SKU."""
    if record.deleted_item_id and (rival := await _rival(batch, deps, record)):
        reason = messages.for_locale().text("reason.sku_of_other_product", product=rival)
        batch.hold(record.product.product_id, Code.PRODUCT_REJECTED, reason)
        return
    items = [item for sku in matching.skus_to_find(record) for item in await clover.items_with_sku(api, sku)]
    owners = await _owners(batch, deps, items) if items else {}
    for step in matching.plan([record], items, owners, batch.now, deps.create_settle):
        await _execute(batch, api, step)


async def _rival(batch: Batch, deps: Deps, record: ProductRecord) -> str | None:
    async with deps.database.connection() as conn:
        return await links.rival(conn, batch.merchant_id, record)


async def _owners(batch: Batch, deps: Deps, items: Sequence[Item]) -> dict[str, str]:
    async with deps.database.connection() as conn:
        return await links.owners(conn, batch.merchant_id, [item.id for item in items])


async def _execute(batch: Batch, api: MerchantApi, step: Step) -> None:
    product_id = step.record.product.product_id
    match step:
        case CreateItem():
            await _create(batch, api, step.record)
        case AdoptItem():
            await _save_link(batch, step.record, step.item_id, step.known)
            await _update(batch, api, step)
        case UpdateItem():
            await _update(batch, api, step)
        case HoldProduct():
            batch.hold(product_id, Code.PRODUCT_REJECTED, step.reason)
        case LookAgain():
            batch.retry(product_id, step.after)


async def _create(batch: Batch, api: MerchantApi, record: ProductRecord) -> None:
    """Create the item. The intent is committed first, so that after a lost answer the item is looked for."""
    product = record.product
    async with batch.unit() as unit:
        await links.start_create(unit.conn, batch.merchant_id, product.product_id, product.sku, unit.now)
    try:
        item_id = await clover.create_item(api, record.wanted)
    except (Permanent, Transient):  # Ambiguous is not caught: there the item may exist
        async with batch.unit() as unit:
            await links.cancel_create(unit.conn, batch.merchant_id, product.product_id)
        raise
    await _save_link(batch, record, item_id, record.wanted)


async def _update(batch: Batch, api: MerchantApi, step: AdoptItem | UpdateItem) -> None:
    """Write the fields that differ; a repeated update does no harm."""
    record, changes = step.record, step.record.wanted.changes_from(step.known)
    if not changes and not record.is_due and record.seen == step.known:
        return
    if changes and record.item_id and record.last_pushed != step.known:
        async with batch.unit() as unit:
            await links.save_known(unit.conn, batch.merchant_id, record, step.known)
    if changes:
        await clover.update_item(api, step.item_id, changes)
    async with batch.unit() as unit:
        await links.save_pushed(unit.conn, batch.merchant_id, record, step.item_id, record.wanted, step.known)
        product = record.product
        # Asked for on every update: the process may have ended between the last write to Clover and this unit.
        if not await links.is_linked(unit.conn, batch.merchant_id, product.product_id, step.item_id, product.sku):
            await links.link(unit, batch.merchant_id, product.product_id, step.item_id, product.sku)


async def _save_link(batch: Batch, record: ProductRecord, item_id: str, fields: ItemFields) -> None:
    async with batch.unit() as unit:
        await links.save_pushed(unit.conn, batch.merchant_id, record, item_id, fields, seen=None)
        await links.link(unit, batch.merchant_id, record.product.product_id, item_id, record.product.sku)
