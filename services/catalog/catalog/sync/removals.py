"""Deletes products: hides or deletes their items in Clover, unlinks them, and then forgets the products."""

from collections.abc import Mapping, Sequence

from catalog.clover import items as clover
from catalog.domain.items import Item
from catalog.domain.matching import AdoptItem, CreateItem, Step
from catalog.domain.products import ProductRecord, Removal
from catalog.store import items, links, products
from catalog.sync.items import draw_number
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.errors import NotFound
from common.work.batch import Batch


async def remove_products(
    batch: Batch, api: MerchantApi, records: Sequence[ProductRecord], in_doubt: Sequence[Step]
) -> None:
    """Delete these products. `in_doubt` are the steps of those whose item may exist, as its create has no answer."""
    created = {each.record.product.product_id: each.item_id for each in in_doubt if isinstance(each, AdoptItem)}
    never_created = {each.record.product.product_id for each in in_doubt if isinstance(each, CreateItem)}
    item_ids = {
        each.product.product_id: item_id
        for each in records
        if (item_id := each.item_id or created.get(each.product.product_id))
    }
    without_item = [
        each.product.product_id
        for each in records
        if each.product.product_id in never_created or not (each.item_id or each.creating_since)
    ]
    await _forget(batch, without_item)
    await _remove_items(batch, api, {each.product.product_id: each for each in records}, item_ids)


async def _remove_items(
    batch: Batch, api: MerchantApi, by_id: Mapping[str, ProductRecord], item_ids: Mapping[str, str]
) -> None:
    async def remove(product_id: str) -> None:
        item_id, is_purged = item_ids[product_id], by_id[product_id].removal is Removal.PURGE
        number = await draw_number(batch)
        item = None if is_purged else await _hide(api, item_id)
        if is_purged:
            await clover.delete_item(api, item_id)
        async with batch.unit() as unit:
            if item:
                await items.save(unit.conn, batch.merchant_id, [item], number)
            if is_purged:
                await items.mark_deleted(unit.conn, batch.merchant_id, [item_id], number, unit.now)
            # a product that was saved meanwhile keeps its item, and the push that follows shows it again
            if await products.remove(unit.conn, batch.merchant_id, [product_id]):
                await links.unlink(unit, batch.merchant_id, [item_id])

    await batch.for_each(list(item_ids), remove, rejected=Code.PRODUCT_REJECTED, concurrency=lambda: api.concurrency)


async def _hide(api: MerchantApi, item_id: str) -> Item | None:
    try:
        return await clover.update_item(api, item_id, {"hidden": True})
    except NotFound:  # it is gone already
        return None


async def _forget(batch: Batch, product_ids: Sequence[str]) -> None:
    if product_ids:
        async with batch.unit() as unit:
            await products.remove(unit.conn, batch.merchant_id, product_ids)
