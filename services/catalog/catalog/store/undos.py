"""The undos of change sets: the products that each has restored, and the fields that it has skipped."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from catalog.domain.changes import ITEM, Change
from catalog.domain.products import ProductRecord
from catalog.store.changes import ChangeSet, find, find_and_lock, save_changes
from common.db.unit import Unit
from common.errors import Conflict

START = """
WITH undone AS (
    UPDATE change_set SET undone_by = $3 WHERE merchant_id = $1 AND change_id = $2
)
INSERT INTO change_set (merchant_id, change_id, kind, started_at, updated_at, is_complete, undoes, number)
VALUES ($1, $3, 'undo', $4, $4, false, $2, nextval('item_read'))
"""
SAVE = """
UPDATE change_set SET changed = changed + $3, skipped = skipped + $4, updated_at = $5
WHERE merchant_id = $1 AND change_id = $2
"""
SAVE_SKIPPED = """
INSERT INTO change (merchant_id, change_id, product_id, before, after, skipped)
SELECT $1, $2, product_id, '{}', '{}', string_to_array(fields, ',')
FROM unnest($3::text[], $4::text[]) AS given (product_id, fields)
ON CONFLICT (merchant_id, change_id, product_id) DO UPDATE SET skipped = excluded.skipped
"""
ADD_SKIPPED = """
UPDATE change SET skipped = skipped || ARRAY(
    SELECT unnest(string_to_array(fields, ',')) EXCEPT SELECT unnest(skipped) ORDER BY 1
)
FROM unnest($3::text[], $4::text[]) AS given (product_id, fields)
WHERE merchant_id = $1 AND change_id = $2 AND change.product_id = given.product_id
"""
COUNT_SKIPPED = """
UPDATE change_set SET updated_at = $3, skipped = (
    SELECT count(*) FROM change WHERE merchant_id = $1 AND change_id = $2 AND change.skipped <> '{}'
)
WHERE merchant_id = $1 AND change_id = $2
"""
SAVE_DELETED = """
INSERT INTO change (merchant_id, change_id, product_id, before)
SELECT $1, $2, given.* FROM unnest($3::text[], $4::jsonb[]) AS given
"""
END = """
UPDATE change_set SET is_complete = true, updated_at = $3 WHERE merchant_id = $1 AND change_id = $2
"""


async def start(unit: Unit, merchant_id: str, change_id: UUID, undo_id: UUID) -> ChangeSet:
    """Begin the undo of these changes; return it, or the one that was begun before.

    Raises NotFound, and Conflict for an undo that is not complete.
    """
    found = await find_and_lock(unit.conn, merchant_id, change_id)
    if found.undone_by:
        return await find(unit.conn, merchant_id, found.undone_by)
    if not found.is_complete:
        raise Conflict("This undo goes on. It can be undone once it is complete.")
    await unit.conn.execute(START, merchant_id, change_id, undo_id, unit.now)
    return await find(unit.conn, merchant_id, undo_id)


async def save(
    unit: Unit,
    merchant_id: str,
    undo_id: UUID,
    restored: Sequence[Change],
    deleted: Sequence[ProductRecord],
    skipped: Mapping[str, Sequence[str]],
) -> None:
    """Record a part of an undo: the products it restored and deleted, and the fields of products that it skipped."""
    await save_changes(unit, merchant_id, undo_id, restored)
    ids = [each.product.product_id for each in deleted]
    before = [json.dumps(_before_deletion(each)) for each in deleted]
    await unit.conn.execute(SAVE_DELETED, merchant_id, undo_id, ids, before)
    names = [",".join(fields) for fields in skipped.values()]
    await unit.conn.execute(SAVE_SKIPPED, merchant_id, undo_id, list(skipped), names)
    changed = len(restored) + len(deleted)
    await unit.conn.execute(SAVE, merchant_id, undo_id, changed, len(skipped), unit.now)


async def add_skipped(unit: Unit, merchant_id: str, undo_id: UUID, skipped: Mapping[str, Sequence[str]]) -> None:
    """Record fields that the undo left as they are in Clover, as they were edited there since."""
    names = [",".join(fields) for fields in skipped.values()]
    await unit.conn.execute(ADD_SKIPPED, merchant_id, undo_id, list(skipped), names)
    await unit.conn.execute(COUNT_SKIPPED, merchant_id, undo_id, unit.now)


async def end(unit: Unit, merchant_id: str, undo_id: UUID) -> None:
    """Record that the undo is complete."""
    await unit.conn.execute(END, merchant_id, undo_id, unit.now)


def _before_deletion(record: ProductRecord) -> dict[str, Any]:
    """Return the values of the product, with its item, which an undo of the deletion would have to bring back."""
    values = Change(None, record.product).values()[1]
    return values | ({ITEM: record.item_id} if record.item_id else {})
