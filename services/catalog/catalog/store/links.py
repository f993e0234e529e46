"""The links between products and Clover items, and the state of a create that has no answer yet."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

import asyncpg

from catalog.domain.items import ItemFields
from common.catalog_client import LinkState, SkuLink
from common.db.unit import Connection

SAVE_PUSHED = """
UPDATE product SET item_id = $3, last_pushed = $4, creating_since = NULL, creating_sku = NULL
WHERE merchant_id = $1 AND product_id = $2
"""
START_CREATE = "UPDATE product SET creating_since = $3, creating_sku = $4 WHERE merchant_id = $1 AND product_id = $2"
CANCEL_CREATE = """
UPDATE product SET creating_since = NULL, creating_sku = NULL WHERE merchant_id = $1 AND product_id = $2
"""
OWNERS = "SELECT item_id, product_id FROM product WHERE merchant_id = $1 AND item_id = ANY($2::text[])"

BY_SKU = "SELECT sku, product_id, item_id FROM product WHERE merchant_id = $1 AND sku = ANY($2::text[])"


async def save_pushed(conn: Connection, merchant_id: str, product_id: str, item_id: str, fields: ItemFields) -> None:
    """Link the product to this item, which has these fields in Clover."""
    await conn.execute(SAVE_PUSHED, merchant_id, product_id, item_id, json.dumps(asdict(fields)))


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


async def by_sku(conn: Connection, merchant_id: str, skus: Sequence[str]) -> list[SkuLink]:
    """Return the link of each of these SKUs, in their order."""
    found = {row["sku"]: row for row in await conn.fetch(BY_SKU, merchant_id, skus)}
    return [_link(sku, found.get(sku)) for sku in skus]


def _link(sku: str, row: asyncpg.Record | None) -> SkuLink:
    if row is None:
        return SkuLink(sku=sku, state=LinkState.UNKNOWN)
    state = LinkState.LINKED if row["item_id"] else LinkState.PENDING
    return SkuLink(sku=sku, state=state, item_id=row["item_id"], product_id=row["product_id"])
