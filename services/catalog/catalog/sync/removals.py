"""Deletes products: hides or deletes their items in Clover, unlinks them, and then forgets the products."""

from collections.abc import Sequence

from catalog.domain.matching import AdoptItem, CreateItem, Step
from catalog.domain.products import Matching, ProductRecord, Removal
from catalog.kinds import DELETE_GROUP, RESTORE_GROUP
from catalog.links import unlink_items
from catalog.store import former_groups, link_choices, products, pushes
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
        each
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
        removed = await products.remove(unit.conn, batch.merchant_id, [each.key for each in done])
        # a product that was saved meanwhile keeps a hidden item, which the push that follows shows, or gets a new one
        bereft = [each for each in done if each.key not in removed and each.changes is None]
        for each in bereft:
            await link_choices.detach(unit.conn, batch.merchant_id, each.key, Matching.AUTOMATIC)
        await pushes.cancel_creates(unit.conn, batch.merchant_id, [each.key for each in bereft])
        unlinked = [each.item_id for each in done if each.key in removed or each in bereft]
        await unlink_items(unit, batch.merchant_id, unlinked)
        await _leave_groups(unit, batch.merchant_id, [each for each in records if each.product.product_id in removed])

    await write_items(batch, api, writes, forget)


async def _leave_groups(unit: Unit, merchant_id: str, removed: Sequence[ProductRecord]) -> None:
    """Have those item groups looked at that lost a product, and deleted if that was the last one and was purged."""
    left = [(each.product.variant.group, each.removal) for each in removed if each.product.variant]
    await former_groups.end(unit.conn, merchant_id, {parent for parent, _ in left})
    unit.mark(RESTORE_GROUP, merchant_id, {parent for parent, _ in left}, priority=Priority.BULK)
    purged = {parent for parent, removal in left if removal is Removal.PURGE}
    unit.mark(DELETE_GROUP, merchant_id, purged, priority=Priority.BULK)


async def _forget(batch: Batch, records: Sequence[ProductRecord]) -> None:
    if records:
        async with batch.unit() as unit:
            ids = [each.product.product_id for each in records]
            removed = await products.remove(unit.conn, batch.merchant_id, ids)
            gone = [each for each in records if each.product.product_id in removed]
            await _leave_groups(unit, batch.merchant_id, gone)
