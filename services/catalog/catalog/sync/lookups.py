"""Finds the items of products in the mirror, brought up to date first where that matters."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from catalog.clover import items as clover
from catalog.domain.items import Item, UnreadableItem
from catalog.domain.matching import LOOK_AGAIN, skus_to_find
from catalog.domain.matching_keys import code_keys, sku_key
from catalog.domain.products import ProductRecord
from catalog.store import former_items, items, links
from catalog.sync.deltas import read_changes
from catalog.sync.items import UNREADABLE_PAUSE, draw_number, save_deletions, save_shown, save_unreadable
from common import messages
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.errors import NotFound, Rejected, Undecodable, reason
from common.work.batch import Batch


class Unlisted(Exception):
    """Clover refuses the list of items, or shows one that cannot be read: nothing is wrong with the products."""


async def linked_items(batch: Batch, api: MerchantApi, item_ids: Sequence[str]) -> dict[str, Item]:
    """Return those of these items that Clover has, by id. The ones that the mirror lacks are read."""
    async with batch.database.connection() as conn:
        state = await items.mirror_state(conn, batch.merchant_id)
        known = await items.find(conn, batch.merchant_id, item_ids) if state.completed_at else {}
    unknown = [item_id for item_id in item_ids if item_id not in known]
    return known | await read_items(batch, api, unknown) if unknown else known


async def read_items(batch: Batch, api: MerchantApi, item_ids: Sequence[str]) -> dict[str, Item]:
    """Read these items into the mirror; return those that Clover has, by id.

    An item that a list does not show is read by its id, because only that answer proves that it was deleted. Raise
    Undecodable when one cannot be read: it is neither found nor gone.
    """
    found: dict[str, Item | UnreadableItem] = {}
    if not item_ids:
        return {}
    number = await draw_number(batch)
    if len(item_ids) > 1:
        for start in range(0, len(item_ids), clover.MOST_NAMED):
            page = await clover.find_items(api, item_ids[start : start + clover.MOST_NAMED])
            found |= {each.id: each for each in page.items} | {each.id: each for each in page.unreadable}
    for item_id in item_ids:
        if item_id not in found and (item := await clover.find_item(api, item_id)):
            found[item_id] = item
    unreadable = [each for each in found.values() if isinstance(each, UnreadableItem)]
    async with batch.unit() as unit:
        await save_shown(unit, batch.merchant_id, [each for each in found.values() if isinstance(each, Item)], number)
        await save_unreadable(unit, batch.merchant_id, unreadable, number)
        gone = [item_id for item_id in item_ids if item_id not in found]
        await save_deletions(unit, batch.merchant_id, gone, number)
        shown = await items.find(unit.conn, batch.merchant_id, found)  # with the labels, which a single read lacks
    for each in unreadable:
        raise Undecodable(messages.for_locale().text("reason.item_unreadable", reason=each.reason))
    return shown


async def candidates(batch: Batch, api: MerchantApi, records: Sequence[ProductRecord]) -> list[Item] | None:
    """Return the items that may be those of these products, also those made at the till a moment ago.

    None while the mirror may lack items, so that none must be created. Raise Unlisted when Clover shows no list of
    changes that can be read.
    """
    try:
        if not await read_changes(batch, api):
            return None
    except (NotFound, Rejected, Undecodable) as error:
        raise Unlisted(reason(error)) from error
    skus = {sku_key(sku) for each in records for sku in skus_to_find(each)}
    codes = {key for each in records for key in code_keys(each.product.barcode or "")}
    async with batch.database.connection() as conn:
        return await items.find_by_keys(conn, batch.merchant_id, skus, codes)


async def without_deleted(
    batch: Batch, api: MerchantApi, records: Sequence[ProductRecord], found: Sequence[Item], settled: datetime
) -> tuple[list[ProductRecord], list[Item]]:
    """Let the products wait that may take an item whose deletion has no answer; return the others, and their items.

    A deletion that was begun before `settled` can take effect no more: the item is then read, as no list of changes
    shows deletions.
    """
    async with batch.database.connection() as conn:
        begun = await former_items.deleting(conn, batch.merchant_id, [each.id for each in found])
    if not begun:
        return list(records), list(found)
    there = await read_items(batch, api, list(begun))
    doubtful = [each for key, each in there.items() if begun[key] > settled]
    skus = {sku_key(each.fields.sku) for each in doubtful} - {""}
    codes = {key for each in doubtful for key in code_keys(each.fields.code)}
    waiting = [each for each in records if _may_take(each, skus, codes)]
    for each in waiting:
        batch.retry(each.product.product_id, LOOK_AGAIN)
    left = [each for each in found if each.id not in begun or each.id in there]
    return [each for each in records if each not in waiting], left


def _may_take(record: ProductRecord, skus: AbstractSet[str], codes: AbstractSet[str]) -> bool:
    """Whether the product looks for an item with one of these keys."""
    return not (
        skus.isdisjoint(map(sku_key, skus_to_find(record))) and codes.isdisjoint(code_keys(record.product.barcode))
    )


async def perhaps_there(batch: Batch, api: MerchantApi, records: Sequence[ProductRecord]) -> set[str]:
    """Return the products whose item may be there, under a SKU in another form than sent. These are all if unknown."""
    try:
        found = await candidates(batch, api, records)
    except Unlisted:
        found = None
    if found is None:
        return {each.product.product_id for each in records}
    async with batch.database.connection() as conn:
        linked = await links.owners(conn, batch.merchant_id, [item.id for item in found])
    keys = {sku_key(item.fields.sku) for item in found if item.fields.sku and item.id not in linked}
    return {each.product.product_id for each in records if sku_key(each.product.sku) in keys}


async def without_unreadable(batch: Batch, records: Sequence[ProductRecord]) -> list[ProductRecord]:
    """Let the products wait that an item may have which cannot be read; return the others."""
    async with batch.database.connection() as conn:
        keys = await items.unreadable(conn, batch.merchant_id)
    waiting = {each.product.product_id for each in records if keys.may_be(each)}
    for product_id in waiting:
        reason = messages.for_locale().text("reason.match_unreadable")
        batch.retry(product_id, UNREADABLE_PAUSE, Code.ITEMS_UNREADABLE, reason)
    return [each for each in records if each.product.product_id not in waiting]
