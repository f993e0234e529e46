"""The fields that items had before QuickSync wrote to them, as long as we write to them or until they are restored.

A row with a SKU belongs to an item that existed before it was linked: any product states one, and of a variant no name.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from catalog.domain.former_items import FormerItem
from catalog.domain.items import ItemFields, from_json
from common.db.unit import Connection

# A field that is still to be restored keeps its value of before. So does an item that is to be deleted.
SAVE = """
INSERT INTO item_former AS known (merchant_id, item_id, fields)
SELECT $1, item_id, fields FROM jsonb_to_recordset($2::jsonb) AS given (item_id text, fields jsonb) ORDER BY item_id
ON CONFLICT (merchant_id, item_id) DO UPDATE SET deletes = false, deleting_since = NULL,
    written = known.written - ARRAY(SELECT jsonb_object_keys(excluded.fields)),
    undo_id = CASE WHEN known.written - ARRAY(SELECT jsonb_object_keys(excluded.fields)) <> '{}' THEN known.undo_id END,
    fields = CASE WHEN known.deletes THEN known.fields ELSE known.fields || excluded.fields || (
        SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(known.fields) WHERE known.written ? key
    ) END
"""
RELEASE = """
UPDATE item_former SET written = item_former.written || (
    SELECT coalesce(jsonb_object_agg(name, given.written -> name), '{}')
    FROM jsonb_object_keys(item_former.fields) AS name WHERE given.written ? name
)
FROM jsonb_to_recordset($2::jsonb) AS given (item_id text, written jsonb)
WHERE merchant_id = $1 AND item_former.item_id = given.item_id
    AND item_former.fields ?| ARRAY(SELECT jsonb_object_keys(given.written))
RETURNING item_former.item_id, ARRAY(SELECT jsonb_object_keys(item_former.written)) AS names
"""
ADOPTED = """
SELECT item_id, fields FROM item_former WHERE merchant_id = $1 AND item_id = ANY($2::text[]) AND fields ? 'sku'
"""
DELETE = """
INSERT INTO item_former (merchant_id, item_id, fields, deletes)
SELECT $1, item_id, '{}', true FROM unnest($2::text[]) AS item_id
ON CONFLICT (merchant_id, item_id) DO UPDATE SET deletes = true
"""
HIDE = """
INSERT INTO item_former AS known (merchant_id, item_id, fields, written)
SELECT $1, item_id, '{"hidden": true}', '{"hidden": false}' FROM unnest($2::text[]) AS item_id
ON CONFLICT (merchant_id, item_id) DO UPDATE SET
    fields = known.fields || excluded.fields, written = known.written || excluded.written
"""
NOTE_UNDO = """
UPDATE item_former SET undo_id = $4, product_id = given.product_id
FROM unnest($2::text[], $3::text[]) AS given (item_id, product_id)
WHERE merchant_id = $1 AND item_former.item_id = given.item_id AND (deletes OR written <> '{}')
"""
LOST = """
SELECT given.item_id FROM unnest($2::text[]) AS given (item_id)
WHERE EXISTS (SELECT FROM item_former known WHERE merchant_id = $1 AND known.item_id = given.item_id AND deletes)
    OR NOT EXISTS (SELECT FROM item WHERE merchant_id = $1 AND item.item_id = given.item_id AND deleted_at IS NULL)
"""
START_DELETIONS = "UPDATE item_former SET deleting_since = $3 WHERE merchant_id = $1 AND item_id = ANY($2::text[])"
DELETING = """
SELECT item_id, deleting_since FROM item_former
WHERE merchant_id = $1 AND item_id = ANY($2::text[]) AND deleting_since IS NOT NULL
"""
FIND = """
SELECT item_id, fields, written, deletes, undo_id, product_id FROM item_former
WHERE merchant_id = $1 AND item_id = ANY($2::text[]) AND (deletes OR written <> '{}') AND NOT (deletes AND EXISTS (
    SELECT FROM product WHERE product.merchant_id = $1 AND product.item_id = item_former.item_id
))
"""
FORGET = """
UPDATE item_former SET fields = fields - ARRAY(SELECT jsonb_object_keys(given.written)), written = '{}', undo_id = NULL
FROM jsonb_to_recordset($2::jsonb) AS given (item_id text, written jsonb)
WHERE merchant_id = $1 AND item_former.item_id = given.item_id AND item_former.written = given.written
"""
FORGET_ITEMS = """
DELETE FROM item_former
WHERE merchant_id = $1 AND item_id = ANY($2::text[]) AND (deletes OR fields = '{}') AND written = '{}'
"""


async def save(conn: Connection, merchant_id: str, fields: Mapping[str, Mapping[str, object]]) -> None:
    """Keep the values of these fields, by item, before a product's values are written over them."""
    rows = [{"item_id": item_id, "fields": each} for item_id, each in fields.items()]
    if rows:
        await conn.execute(SAVE, merchant_id, json.dumps(rows))


async def release(
    conn: Connection, merchant_id: str, written: Mapping[str, Mapping[str, object]]
) -> dict[str, list[str]]:
    """Have the fields restored over which we wrote these values; return those that had others before, by item."""
    rows = [{"item_id": item_id, "written": each} for item_id, each in written.items()]
    found = await conn.fetch(RELEASE, merchant_id, json.dumps(rows)) if rows else []
    return {row["item_id"]: [name for name in row["names"] if name in written[row["item_id"]]] for row in found}


async def release_all(conn: Connection, merchant_id: str, pushed: Mapping[str, ItemFields | None]) -> list[str]:
    """Have these items restored to which we wrote these fields; return those that existed before they were linked."""
    nothing = dict.fromkeys(ItemFields.__dataclass_fields__)
    return list(
        await release(conn, merchant_id, {key: asdict(each) if each else nothing for key, each in pushed.items()})
    )


async def adopted(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return those of these linked items that existed before they were linked, with the fields that they had."""
    rows = await conn.fetch(ADOPTED, merchant_id, list(item_ids))
    return {row["item_id"]: from_json(json.loads(row["fields"])) for row in rows}


async def end(conn: Connection, merchant_id: str, pushed: Mapping[str, ItemFields | None]) -> None:
    """Have these items be what they were before we wrote these fields to them; those that did not exist are deleted."""
    existed = await adopted(conn, merchant_id, pushed.keys())
    await release_all(conn, merchant_id, {item_id: pushed[item_id] for item_id in existed})
    await conn.execute(DELETE, merchant_id, sorted(pushed.keys() - existed))


async def note_undo(conn: Connection, merchant_id: str, undo_id: UUID, products: Mapping[str, str]) -> None:
    """Record which undo has these items restored, and the product that each of them had."""
    await conn.execute(NOTE_UNDO, merchant_id, list(products), list(products.values()), undo_id)


async def lost(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> set[str]:
    """Return those of these items that are deleted in Clover, or about to be."""
    return {row["item_id"] for row in await conn.fetch(LOST, merchant_id, list(item_ids))}


async def start_deletions(conn: Connection, merchant_id: str, item_ids: Collection[str], now: datetime) -> None:
    """Record that these items are about to be deleted in Clover."""
    await conn.execute(START_DELETIONS, merchant_id, list(item_ids), now)


async def deleting(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> dict[str, datetime]:
    """Return those of these items whose deletion has begun and has no answer, with the last time it began."""
    rows = await conn.fetch(DELETING, merchant_id, list(item_ids))
    return {row["item_id"]: row["deleting_since"] for row in rows}


async def hide(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> None:
    """Have these items hidden."""
    await conn.execute(HIDE, merchant_id, sorted(item_ids))


async def find(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> dict[str, FormerItem]:
    """Return those of these items that are to be as they were."""
    rows = await conn.fetch(FIND, merchant_id, list(item_ids))
    return {row["item_id"]: _former(row) for row in rows}


async def forget(conn: Connection, merchant_id: str, restored: Mapping[str, FormerItem]) -> None:
    """Delete what these items had, unless more of it is to be restored by now: they are as they were."""
    rows = [{"item_id": item_id, "written": each.written} for item_id, each in restored.items()]
    await conn.execute(FORGET, merchant_id, json.dumps(rows))
    await conn.execute(FORGET_ITEMS, merchant_id, list(restored))


def _former(row: asyncpg.Record) -> FormerItem:
    fields, written = (from_json(json.loads(row[name])) for name in ("fields", "written"))
    return FormerItem(fields, written, row["deletes"], row["undo_id"], row["product_id"])
