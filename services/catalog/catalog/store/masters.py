"""Products that took over edits made in Clover, and the values that their callers stated."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import asyncpg

from catalog.domain import masters
from catalog.domain.choices import Master
from catalog.domain.products import Product, ProductRecord
from catalog.store import choices
from catalog.store.product_columns import row_of
from catalog.store.products import LOCK, find_all
from common.db.unit import Connection
from common.errors import Conflict

SAVE_MERGED = """
UPDATE product SET name = merged.name, sku = merged.sku, price = merged.price, status = merged.status,
    barcode = merged.barcode, sku_key = merged.sku_key, code_key = merged.code_key, stated = merged.stated,
    options = merged.options,
    last_pushed = merged.last_pushed, superseded = merged.superseded,
    updated_at = CASE WHEN (
            product.name, product.sku, product.price, product.status, product.barcode, product.stated, product.options
        ) IS DISTINCT FROM (
            merged.name, merged.sku, merged.price, merged.status, merged.barcode, merged.stated, merged.options
        )
        THEN $3 ELSE updated_at END
FROM jsonb_to_recordset($2::jsonb) AS merged (
    product_id text, name text, sku text, price bigint, status text, barcode text, stated jsonb, last_pushed jsonb,
    superseded jsonb, sku_key text, code_key text, options jsonb
)
WHERE product.merchant_id = $1 AND product.product_id = merged.product_id
"""
SAVE_SUPERSEDED = """
UPDATE product SET superseded = restated.superseded
FROM jsonb_to_recordset($2::jsonb) AS restated (product_id text, superseded jsonb)
WHERE product.merchant_id = $1 AND product.product_id = restated.product_id
"""


async def save_merged(conn: Connection, merchant_id: str, records: Iterable[ProductRecord], now: datetime) -> None:
    """Save these products with the agreed values. Raises Conflict when another product got one of the SKUs."""
    rows = [
        row_of(each.product)
        | {
            "last_pushed": asdict(each.last_pushed) if each.last_pushed else None,
            "superseded": dict(each.superseded) or None,
        }
        for each in records
    ]
    try:
        await conn.execute(SAVE_MERGED, merchant_id, json.dumps(rows), now)
    except asyncpg.UniqueViolationError:
        raise Conflict("another product has the SKU now") from None


async def restated(
    conn: Connection, merchant_id: str, given: Sequence[Product], stored: Mapping[str, ProductRecord]
) -> tuple[list[Product], dict[str, dict[str, Any]]]:
    """Return the products that a caller means, and the values that stay superseded.

    With QuickSync as the master, all that a caller states counts.
    """
    concerned = {name for name, record in stored.items() if record.superseded}
    if not concerned:
        return list(given), {}
    is_followed = (await choices.find(conn, merchant_id)).catalog_master is Master.CLOVER
    meant = [masters.restated(each, stored.get(each.product_id) if is_followed else None) for each in given]
    left = {product.product_id: superseded for product, superseded in meant if product.product_id in concerned}
    return [product for product, _ in meant], left


async def restate(conn: Connection, merchant_id: str, given: Sequence[Product]) -> list[Product]:
    """Return the products that a caller means, and save the stated values. They are locked for the transaction."""
    ids = [each.product_id for each in given]
    await conn.execute(LOCK, merchant_id, ids)
    stored = {each.product.product_id: each for each in await find_all(conn, merchant_id, ids)}
    meant, left = await restated(conn, merchant_id, given, stored)
    await save_superseded(conn, merchant_id, left)
    return meant


async def as_stated(
    conn: Connection, merchant_id: str, meant: Iterable[Product], stored: Mapping[str, ProductRecord]
) -> dict[str, Product]:
    """Return these stored products, perhaps changed, as their callers would state them: the reverse of `restated`."""
    every = {each.product_id: each for each in meant}
    concerned = {name for name in every if name in stored and stored[name].superseded}
    if not concerned or (await choices.find(conn, merchant_id)).catalog_master is Master.QUICKSYNC:
        return every
    return every | {name: masters.as_stated(every[name], stored[name]) for name in concerned}


async def save_superseded(conn: Connection, merchant_id: str, left: Mapping[str, Mapping[str, Any]]) -> None:
    """Save the values of each of these products that stay superseded."""
    rows = [{"product_id": name, "superseded": dict(each) or None} for name, each in sorted(left.items())]
    if rows:
        await conn.execute(SAVE_SUPERSEDED, merchant_id, json.dumps(rows))
