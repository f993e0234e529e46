"""Forecasts for a preview, from the mirror of Clover's items."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from catalog.domain.forecasts import Action, Forecast, forecast
from catalog.domain.labels import Labels
from catalog.domain.matching import HoldProduct, Step, Write, compare, hold_for_labels, lacks, plan, skus_to_find
from catalog.domain.matching_keys import code_keys, sku_key
from catalog.domain.products import Product, ProductRecord, Status
from catalog.store import choices, item_groups, items, labels, links, products
from common import messages
from common.db.unit import Connection


async def forecasts(
    conn: Connection, merchant_id: str, wanted: Sequence[Product], now: datetime
) -> dict[str, Forecast]:
    """Return the effect on the item of each product once it is saved, by product.

    Nothing while the mirror may lack items.
    """
    if not wanted:
        return {}
    state = await items.mirror_state(conn, merchant_id)
    if state.completed_at is None:
        return {}
    stored = await products.find_all(conn, merchant_id, [each.product_id for each in wanted])
    known = {each.product.product_id: each for each in stored}
    records = [_saved(each, known.get(each.product_id), now) for each in wanted]
    named = await labels.of_products(conn, merchant_id, records)
    linked = await items.find(conn, merchant_id, [each.item_id for each in records if each.item_id])
    master = (await choices.find(conn, merchant_id)).catalog_master
    steps = [
        compare(each, linked[each.item_id], named, master)
        for each in records
        if each.item_id in linked and each.item_id
    ]
    idle = [each for each in records if not (each.item_id or each.is_due)]
    loose = [each for each in records if each.item_id not in linked and (each.item_id or each.is_due)]
    unreadable = await items.unreadable(conn, merchant_id)
    waiting = [each for each in loose if unreadable.may_be(each)]
    loose = [each for each in loose if not unreadable.may_be(each)]
    skus = {sku_key(sku) for each in loose for sku in skus_to_find(each)}
    codes = {key for each in loose for key in code_keys(each.product.barcode)}
    found = await items.find_by_keys(conn, merchant_id, skus, codes)
    owners = await links.owners(conn, merchant_id, [each.id for each in found])
    steps += plan(loose, found, owners, now, timedelta(), labels=named, master=master)
    steps = await item_groups.place(conn, merchant_id, steps)
    steps += [HoldProduct(each, messages.for_locale().text("reason.match_unreadable")) for each in waiting]
    nothing = {each.product.product_id: Forecast(Action.NONE) for each in idle}
    return nothing | {each.record.product.product_id: forecast(_held(each, named)) for each in steps}


def _held(step: Step, named: Labels) -> Step:
    """Return the hold of a product whose labels Clover lacks, unless these were never read."""
    if isinstance(step, Write) and named.are_known:
        return hold_for_labels(step, lacks(step, named)) or step
    return step


def _saved(product: Product, known: ProductRecord | None, now: datetime) -> ProductRecord:
    """Return the record once the product is saved: unless it is archived, an item that was deleted is made anew."""
    if known is None:
        return ProductRecord(product, now, puts=1)
    deleted = known.deleted_item_id if product.status is Status.ARCHIVED else None
    return replace(known, product=product, deleted_item_id=deleted, puts=known.puts + 1)
