"""The links between products and Clover items."""

from collections.abc import Collection, Iterable, Sequence

import asyncpg

from catalog.domain.items import Item
from catalog.domain.links import HeldLink, NewLink, relink
from catalog.domain.matching_keys import code_keys, sku_key
from catalog.store.connections import clock_version
from common.catalog_client import ItemLink, LinkState, SkuLink
from common.db import links
from common.db.unit import Connection, Unit
from common.text import clean

OWNERS = "SELECT item_id, product_id FROM product WHERE merchant_id = $1 AND item_id = ANY($2::text[])"

# A product whose item was deleted gives way to another one with its SKU. A SKU is linked once its item has it.
BY_SKU = """
SELECT product.sku, deleted_item_id, link.item_id, link.product_id, link.version
FROM product LEFT JOIN item_link link
    ON link.merchant_id = product.merchant_id AND link.item_id = product.item_id AND link.sku = product.sku AND linked
WHERE product.merchant_id = $1 AND product.sku = ANY($2::text[])
ORDER BY deleted_item_id IS NULL
"""

# Locked until the commit, so that versions become visible in their order and a reader that knows one misses none.
LOCK_POSITION = """
INSERT INTO link_position (merchant_id, version) VALUES ($1, 0)
ON CONFLICT (merchant_id) DO UPDATE SET version = link_position.version RETURNING version
"""
OTHERS = """
SELECT link.item_id, link.sku, link.product_id, link.version, link.linked, link.replaced_by,
    product.product_id IS NOT NULL AS has_product
FROM item_link link LEFT JOIN product
    ON product.merchant_id = link.merchant_id AND product.item_id = link.item_id
        AND product.product_id = link.product_id
WHERE link.merchant_id = $1 AND (
    linked AND (link.product_id = ANY($2::text[]) OR link.sku = ANY($3::text[])) OR link.item_id = ANY($4::text[])
)
"""
UNLINKED = """
SELECT item_id FROM (
    SELECT DISTINCT ON (product_id) item_id, linked, replaced_by FROM item_link
    WHERE merchant_id = $1 AND product_id = ANY($2::text[]) ORDER BY product_id, version DESC
) last WHERE NOT linked AND replaced_by IS NULL
"""
LINKS = """
SELECT item_id, sku, product_id, version, linked, replaced_by FROM item_link
WHERE merchant_id = $1 AND item_id = ANY($2::text[]) AND linked
"""
CHANGED = """
SELECT item_id, sku, product_id, version, linked, replaced_by FROM item_link
WHERE merchant_id = $1 AND version > $2 ORDER BY version LIMIT $3
"""
RIVALS = """
SELECT lost.product_id, rival.product_id AS rival
FROM product lost JOIN product rival USING (merchant_id, sku)
WHERE merchant_id = $1 AND lost.product_id = ANY($2::text[]) AND lost.deleted_item_id IS NOT NULL
    AND rival.product_id <> lost.product_id AND rival.deleted_item_id IS NULL
"""
WITHOUT_ITEM = """
SELECT product_id FROM product
WHERE merchant_id = $1 AND deleted_item_id IS NOT NULL AND ($2::text[] IS NULL OR sku = ANY($2))
ORDER BY sku LIMIT $3
"""
LINKED = """
SELECT item_id, product_id FROM product WHERE merchant_id = $1 AND item_id > $2 ORDER BY item_id LIMIT $3
"""

# Without an index: it is asked only for items that are new in Clover, the master of the catalogue.
MATCHING = """
SELECT item_id, sku_key, creating_sku, code_key FROM product
WHERE merchant_id = $1 AND (
    item_id = ANY($2::text[]) OR sku_key = ANY($3::text[]) OR creating_sku IS NOT NULL
    OR item_id IS NULL AND code_key = ANY($4::text[])
)
"""

MOST_CANDIDATES = 20
"""Products without an item that a new item makes us look at; the sweep finds the others by their SKU."""


async def owners(conn: Connection, merchant_id: str, item_ids: Iterable[str]) -> dict[str, str]:
    """Return the product that each of these items is linked to, by item id."""
    rows = await conn.fetch(OWNERS, merchant_id, list(item_ids))
    return {row["item_id"]: row["product_id"] for row in rows}


async def linked_products(conn: Connection, merchant_id: str, item_ids: Iterable[str]) -> list[str]:
    """Return the products that these items are linked to."""
    return sorted((await owners(conn, merchant_id, item_ids)).values())


async def rivals(conn: Connection, merchant_id: str, product_ids: Iterable[str]) -> dict[str, str]:
    """Return the other product that has the SKU of each of these whose item was deleted, by product."""
    rows = await conn.fetch(RIVALS, merchant_id, list(product_ids))
    return {row["product_id"]: row["rival"] for row in rows}


async def products_without_item(
    conn: Connection, merchant_id: str, skus: Sequence[str] | None = None, limit: int = MOST_CANDIDATES
) -> list[str]:
    """Return products whose item was deleted in Clover; with `skus`, those with one of these."""
    rows = await conn.fetch(WITHOUT_ITEM, merchant_id, skus, limit)
    return [row["product_id"] for row in rows]


async def items_after(conn: Connection, merchant_id: str, item_id: str, limit: int) -> dict[str, str]:
    """Return the linked items that follow this one by id, each with its product."""
    rows = await conn.fetch(LINKED, merchant_id, item_id, limit)
    return {row["item_id"]: row["product_id"] for row in rows}


async def matched(conn: Connection, merchant_id: str, found: Iterable[Item]) -> set[str]:
    """Return those of these items that have a product, or that a product matches, also before its create is answered.

    A barcode matches products without an item only, as many articles may share a code such as `1`.
    """
    every = list(found)
    skus = {each.id: {clean(sku_key(each.fields.sku))} - {""} for each in every}
    codes = {each.id: {clean(key) for key in code_keys(each.fields.code)} - {""} for each in every}
    rows = await conn.fetch(
        MATCHING, merchant_id, list(skus), list(set().union(*skus.values())), list(set().union(*codes.values()))
    )
    items = {row["item_id"] for row in rows}
    taken_skus = {row["sku_key"] for row in rows} | {sku_key(row["creating_sku"] or "") for row in rows}
    taken_codes = {row["code_key"] for row in rows if row["item_id"] is None}
    return {item for item in skus if item in items or skus[item] & taken_skus or codes[item] & taken_codes}


async def by_sku(conn: Connection, merchant_id: str, skus: Sequence[str]) -> list[SkuLink]:
    """Return the link of each of these SKUs, in their order."""
    found = {row["sku"]: row for row in await conn.fetch(BY_SKU, merchant_id, skus)}
    return [_link(sku, found.get(sku)) for sku in skus]


async def create(
    unit: Unit, merchant_id: str, new: Sequence[NewLink], apart: Collection[str] = ()
) -> Sequence[ItemLink]:
    """Link these items to their products, unlink the items they replace, and return the changed links.

    Of products that a person set `apart` from their items, those items are replaced now, as if they were linked yet.
    """
    former = await unit.conn.fetch(UNLINKED, merchant_id, list(apart)) if apart else []
    last = max(await unit.conn.fetchval(LOCK_POSITION, merchant_id), clock_version(unit.now))
    product_ids, skus = [each.product_id for each in new], [each.sku for each in new]
    rows = await unit.conn.fetch(OTHERS, merchant_id, product_ids, skus, [row["item_id"] for row in former])
    held = [HeldLink(ItemLink(**row), row["has_product"]) for row in rows]
    return await _save(unit, merchant_id, relink(held, new, last))


async def end(unit: Unit, merchant_id: str, item_ids: Sequence[str]) -> Sequence[ItemLink]:
    """Unlink those of these items that are linked, and return the changed links."""
    last = max(await unit.conn.fetchval(LOCK_POSITION, merchant_id), clock_version(unit.now))
    rows = await unit.conn.fetch(LINKS, merchant_id, item_ids)
    unlinked = [
        ItemLink(**row).model_copy(update={"linked": False, "version": version})
        for version, row in enumerate(rows, start=last + 1)
    ]
    return await _save(unit, merchant_id, unlinked) if unlinked else ()


async def missing(conn: Connection, merchant_id: str, wanted: Iterable[NewLink]) -> list[NewLink]:
    """Return those of these links that do not exist."""
    wanted = list(wanted)
    rows = await conn.fetch(LINKS, merchant_id, [each.item_id for each in wanted])
    existing = {NewLink(row["product_id"], row["item_id"], row["sku"]) for row in rows}
    return [each for each in wanted if each not in existing]


async def changed_after(conn: Connection, merchant_id: str, version: int, limit: int) -> list[ItemLink]:
    """Return the links that changed after this version, in the order of their versions."""
    return [ItemLink(**row) for row in await conn.fetch(CHANGED, merchant_id, version, limit)]


async def _save(unit: Unit, merchant_id: str, changed: Sequence[ItemLink]) -> Sequence[ItemLink]:
    await links.save(unit, merchant_id, changed)
    await links.save_position(unit, merchant_id, changed[-1].version)
    return changed


def _link(sku: str, row: asyncpg.Record | None) -> SkuLink:
    if row is None:
        return SkuLink(sku=sku, state=LinkState.UNKNOWN)
    if row["item_id"] is None:
        return SkuLink(sku=sku, state=LinkState.PENDING, was_deleted=row["deleted_item_id"] is not None)
    link = ItemLink(item_id=row["item_id"], sku=sku, product_id=row["product_id"], version=row["version"], linked=True)
    return SkuLink(sku=sku, state=LinkState.LINKED, link=link)
