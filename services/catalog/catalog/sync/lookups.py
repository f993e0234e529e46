"""Finds the items of products in the mirror, brought up to date first where that matters."""

from collections.abc import Sequence

from catalog.clover import items as clover
from catalog.domain.items import Item
from catalog.domain.matching import skus_to_find
from catalog.domain.matching_keys import code_keys, sku_key
from catalog.domain.products import ProductRecord
from catalog.store import items
from catalog.sync.deltas import read_changes
from catalog.sync.items import draw_number, save_deletions, save_shown
from common.clover.transport import MerchantApi
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

    An item that a list does not show is read by its id, because only that answer proves that it was deleted.
    """
    found: dict[str, Item] = {}
    if not item_ids:
        return found
    number = await draw_number(batch)
    if len(item_ids) > 1:
        for start in range(0, len(item_ids), clover.MOST_NAMED):
            listed = await clover.find_items(api, item_ids[start : start + clover.MOST_NAMED])
            found |= {each.id: each for each in listed}
    for item_id in item_ids:
        if item_id not in found and (item := await clover.find_item(api, item_id)):
            found[item_id] = item
    async with batch.unit() as unit:
        await save_shown(unit, batch.merchant_id, list(found.values()), number)
        gone = [item_id for item_id in item_ids if item_id not in found]
        await save_deletions(unit, batch.merchant_id, gone, number)
        return await items.find(unit.conn, batch.merchant_id, found)  # with the labels, which a single read lacks


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
