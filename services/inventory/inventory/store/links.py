"""Reads what a SKU that moves takes along, and notes the items that it left."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from common.db.unit import Connection, Unit

NOTE = """
INSERT INTO hand_over (merchant_id, item_id, sku, handed_at) SELECT DISTINCT $1, item_id, sku, $4::timestamptz
FROM unnest($2::text[], $3::text[]) AS moved (item_id, sku)
ON CONFLICT (merchant_id, item_id, sku) DO UPDATE SET handed_at = excluded.handed_at
"""
RECENT = """
SELECT former.item_id AS old, holder.item_id AS new, former.sku
FROM hand_over former JOIN level holder ON holder.merchant_id = former.merchant_id AND holder.sku = former.sku
WHERE former.merchant_id = $1 AND former.handed_at >= $2 AND former.item_id <> holder.item_id
    AND (former.item_id = ANY($3) OR holder.item_id = ANY($3))
ORDER BY former.handed_at
"""


class Moved(NamedTuple):
    """A SKU that moved from the item `old` to the item `new`."""

    old: str
    new: str
    sku: str


async def note(unit: Unit, merchant_id: str, moved: Sequence[Moved]) -> None:
    """Note that these SKUs left their items now."""
    await unit.conn.execute(NOTE, merchant_id, [each.old for each in moved], [each.sku for each in moved], unit.now)


async def recent(conn: Connection, merchant_id: str, item_ids: Sequence[str], since: datetime) -> list[Moved]:
    """Return the SKUs that left an item since then and are at another one now, where one of the two is among these."""
    return [Moved(**row) for row in await conn.fetch(RECENT, merchant_id, since, item_ids)]
