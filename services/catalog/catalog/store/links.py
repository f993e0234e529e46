"""The links between products and Clover items, and the state of a create that has no answer yet."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime

import asyncpg

from catalog.domain.items import ItemFields
from catalog.domain.links import HeldLink, relink
from catalog.domain.products import ProductRecord
from catalog.store.connections import clock_version
from common.catalog_client import ItemLink, LinkState, SkuLink
from common.contracts.catalog import ProductLinked, ProductUnlinked
from common.db import links
from common.db.unit import Connection, Unit
from common.errors import Conflict

SAVE_PUSHED = """
UPDATE product SET item_id = $3, last_pushed = $4, seen = $5, puts_checked = greatest(puts_checked, $6),
    deleted_item_id = NULL, creating_since = NULL, creating_sku = NULL
WHERE merchant_id = $1 AND product_id = $2
"""
SAVE_KNOWN = "UPDATE product SET last_pushed = $4 WHERE merchant_id = $1 AND product_id = $2 AND item_id = $3"
FORGET_ITEM = """
UPDATE product SET item_id = NULL, last_pushed = NULL, seen = NULL, deleted_item_id = $3
WHERE merchant_id = $1 AND product_id = $2 AND item_id = $3
"""
START_CREATE = "UPDATE product SET creating_since = $3, creating_sku = $4 WHERE merchant_id = $1 AND product_id = $2"
CANCEL_CREATE = """
UPDATE product SET creating_since = NULL, creating_sku = NULL WHERE merchant_id = $1 AND product_id = $2
"""
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
WHERE link.merchant_id = $1 AND linked AND link.item_id <> $3 AND (link.product_id = $2 OR link.sku = $4)
ORDER BY link.sku = $4, link.version
"""
LINK = """
SELECT item_id, sku, product_id, version, linked, replaced_by FROM item_link
WHERE merchant_id = $1 AND item_id = $2 AND linked
"""
CHANGED = """
SELECT item_id, sku, product_id, version, linked, replaced_by FROM item_link
WHERE merchant_id = $1 AND version > $2 ORDER BY version LIMIT $3
"""
RIVAL = """
SELECT product_id FROM product
WHERE merchant_id = $1 AND sku = $2 AND product_id <> $3 AND deleted_item_id IS NULL
"""
WITHOUT_ITEM = """
SELECT product_id FROM product
WHERE merchant_id = $1 AND deleted_item_id IS NOT NULL AND ($2::text[] IS NULL OR sku = ANY($2))
ORDER BY sku LIMIT $3
"""
LINKED = """
SELECT item_id, product_id FROM product WHERE merchant_id = $1 AND item_id > $2 ORDER BY item_id LIMIT $3
"""

MOST_CANDIDATES = 20
"""Products without an item that a new item makes us look at; the sweep finds the others by their SKU."""


async def save_pushed(
    conn: Connection, merchant_id: str, record: ProductRecord, item_id: str, fields: ItemFields, seen: ItemFields | None
) -> None:
    """Link the product to this item, which has these fields in Clover and was `seen` as it was before.

    Raises Conflict when another product got the SKU or the item meanwhile.
    """
    values = (item_id, _json(fields), _json(seen), record.puts)
    try:
        await conn.execute(SAVE_PUSHED, merchant_id, record.product.product_id, *values)
    except asyncpg.UniqueViolationError:
        raise Conflict("another product has the SKU or the item now") from None


async def save_known(conn: Connection, merchant_id: str, record: ProductRecord, known: ItemFields) -> None:
    """Record that Clover has these fields, so that the product shows as pending until they are written."""
    await conn.execute(SAVE_KNOWN, merchant_id, record.product.product_id, record.item_id, _json(known))


async def forget_item(conn: Connection, merchant_id: str, record: ProductRecord) -> ProductRecord:
    """Record that the product's item was deleted in Clover; return the product without it."""
    await conn.execute(FORGET_ITEM, merchant_id, record.product.product_id, record.item_id)
    return replace(record, item_id=None, last_pushed=None, seen=None, deleted_item_id=record.item_id)


async def start_create(conn: Connection, merchant_id: str, product_id: str, sku: str, now: datetime) -> None:
    """Record that an item with this SKU is about to be created for the product."""
    await conn.execute(START_CREATE, merchant_id, product_id, now, sku)


async def cancel_create(conn: Connection, merchant_id: str, product_id: str) -> None:
    """Record that the create had no effect in Clover."""
    await conn.execute(CANCEL_CREATE, merchant_id, product_id)


async def owners(conn: Connection, merchant_id: str, item_ids: Iterable[str]) -> dict[str, str]:
    """Return the product that each of these items is linked to, by item id."""
    rows = await conn.fetch(OWNERS, merchant_id, list(item_ids))
    return {row["item_id"]: row["product_id"] for row in rows}


async def linked_products(conn: Connection, merchant_id: str, item_ids: Iterable[str]) -> list[str]:
    """Return the products that these items are linked to."""
    return sorted((await owners(conn, merchant_id, item_ids)).values())


async def rival(conn: Connection, merchant_id: str, record: ProductRecord) -> str | None:
    """Return the other product that has the SKU of this one, whose item was deleted."""
    product = record.product
    found: str | None = await conn.fetchval(RIVAL, merchant_id, product.sku, product.product_id)
    return found


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


async def by_sku(conn: Connection, merchant_id: str, skus: Sequence[str]) -> list[SkuLink]:
    """Return the link of each of these SKUs, in their order."""
    found = {row["sku"]: row for row in await conn.fetch(BY_SKU, merchant_id, skus)}
    return [_link(sku, found.get(sku)) for sku in skus]


async def link(unit: Unit, merchant_id: str, product_id: str, item_id: str, sku: str) -> None:
    """Link the item to the product under this SKU, unlink the items it replaces, and emit all of it.

    Call it after the product's own row was written, in the same unit.
    """
    last = max(await unit.conn.fetchval(LOCK_POSITION, merchant_id), clock_version(unit.now))
    rows = await unit.conn.fetch(OTHERS, merchant_id, product_id, item_id, sku)
    others = [HeldLink(ItemLink(**dict(list(row.items())[:-1])), row["has_product"]) for row in rows]
    await _save_and_emit(unit, merchant_id, relink(others, product_id, item_id, sku, last))


async def unlink(unit: Unit, merchant_id: str, item_id: str) -> None:
    """Unlink the item, if it is linked, and emit it."""
    last = max(await unit.conn.fetchval(LOCK_POSITION, merchant_id), clock_version(unit.now))
    row = await unit.conn.fetchrow(LINK, merchant_id, item_id)
    if row is not None:
        unlinked = ItemLink(**row).model_copy(update={"linked": False, "version": last + 1})
        await _save_and_emit(unit, merchant_id, [unlinked])


async def is_linked(conn: Connection, merchant_id: str, product_id: str, item_id: str, sku: str) -> bool:
    """Return whether the item is linked to the product under this SKU."""
    row = await conn.fetchrow(LINK, merchant_id, item_id)
    return row is not None and (row["product_id"], row["sku"]) == (product_id, sku)


async def changed_after(conn: Connection, merchant_id: str, version: int, limit: int) -> list[ItemLink]:
    """Return the links that changed after this version, in the order of their versions."""
    return [ItemLink(**row) for row in await conn.fetch(CHANGED, merchant_id, version, limit)]


async def _save_and_emit(unit: Unit, merchant_id: str, changed: Sequence[ItemLink]) -> None:
    await links.save(unit, merchant_id, changed)
    await links.save_position(unit, merchant_id, changed[-1].version)
    unit.emit(*(_event(merchant_id, each) for each in changed))


def _event(merchant_id: str, link: ItemLink) -> ProductLinked | ProductUnlinked:
    values = link.model_dump(include={"version", "product_id", "sku", "item_id"})
    if link.linked:
        return ProductLinked(merchant_id=merchant_id, **values)
    return ProductUnlinked(merchant_id=merchant_id, **values, replaced_by=link.replaced_by)


def _link(sku: str, row: asyncpg.Record | None) -> SkuLink:
    if row is None:
        return SkuLink(sku=sku, state=LinkState.UNKNOWN)
    if row["item_id"] is None:
        return SkuLink(sku=sku, state=LinkState.PENDING, was_deleted=row["deleted_item_id"] is not None)
    link = ItemLink(item_id=row["item_id"], sku=sku, product_id=row["product_id"], version=row["version"], linked=True)
    return SkuLink(sku=sku, state=LinkState.LINKED, link=link)


def _json(fields: ItemFields | None) -> str | None:
    return json.dumps(asdict(fields)) if fields else None
