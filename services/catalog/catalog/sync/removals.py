"""Deletes products: hides or deletes their items in Clover, unlinks them, and then forgets the products."""

from collections.abc import Sequence

from catalog.domain.matching import AdoptItem, CreateItem, Step
from catalog.domain.products import ProductRecord, Removal
from catalog.kinds import DELETE_GROUP, RESTORE_GROUP
from catalog.links import unlink_items
from catalog.store import products
from catalog.sync.item_writes import ItemWrite, write_items
from common.clover.transport import MerchantApi
from common.db.unit import Priority, Unit
from common.work.batch import Batch

CHANGES = {Removal.HIDE: {"hidden": True}, Removal.PURGE: None}
"""The fields to write to the item; None deletes it."""


async def remove_products(
    batch: Batch, api: MerchantApi, records: Sequence[ProductRecord], in_doubt: Sequence[Step]
) -> None:
    """Delete these products. `in_doubt` are the steps of those whose item may exist, as its create has no answer."""
    created = {each.record.product.product_id: each.item_id for each in in_doubt if isinstance(each, AdoptItem)}
    never_created = {each.record.product.product_id for each in in_doubt if isinstance(each, CreateItem)}
    without_item = [
        each.product.product_id
        for each in records
        if each.product.product_id in never_created or not (each.item_id or each.creating_since)
    ]
    await _forget(batch, without_item)
    writes = [
        ItemWrite(each.product.product_id, item_id, CHANGES[each.removal])
        for each in records
        if each.removal and (item_id := each.item_id or created.get(each.product.product_id))
    ]

    async def forget(unit: Unit, done: Sequence[ItemWrite]) -> None:
        # a product that was saved meanwhile keeps its item, and the push that follows shows it again
        removed = await products.remove(unit.conn, batch.merchant_id, [each.key for each in done])
        await unlink_items(unit, batch.merchant_id, [each.item_id for each in done if each.key in removed])
        parents = {
            each.product.variant.group
            for each in records
            if each.product.product_id in removed and each.product.variant and each.removal is Removal.PURGE
        }
        for kind in (RESTORE_GROUP, DELETE_GROUP):
            unit.mark(kind, batch.merchant_id, sorted(parents), priority=Priority.BULK)

    await write_items(batch, api, writes, forget)


async def _forget(batch: Batch, product_ids: Sequence[str]) -> None:
    if product_ids:
        async with batch.unit() as unit:
            await products.remove(unit.conn, batch.merchant_id, product_ids)
