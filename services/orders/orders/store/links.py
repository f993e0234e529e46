"""The Clover items of SKUs, as catalog links them."""

from collections.abc import Collection, Mapping

from common.db.unit import Connection, Unit

SAVE = """
INSERT INTO link (merchant_id, sku, item_id) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id, sku) DO UPDATE SET item_id = excluded.item_id, broken = false
"""
FIND = "SELECT sku, item_id FROM link WHERE merchant_id = $1 AND sku = ANY($2) AND NOT broken"
KNOWN = "SELECT sku FROM link WHERE merchant_id = $1 AND sku = ANY($2)"
SAVE_NEW = """
INSERT INTO link (merchant_id, sku, item_id)
SELECT $1, sku, item_id FROM unnest($2::text[], $3::text[]) AS new (sku, item_id)
ORDER BY sku ON CONFLICT (merchant_id, sku) DO UPDATE SET item_id = excluded.item_id, broken = false
WHERE link.item_id <> excluded.item_id
"""
BREAK = "UPDATE link SET broken = true WHERE merchant_id = $1 AND sku = $2 AND item_id = $3"


def save(unit: Unit, merchant_id: str, sku: str, item_id: str) -> None:
    """Link the SKU to the item."""
    unit.write(SAVE, merchant_id, sku, item_id)


async def save_new(conn: Connection, merchant_id: str, links: Mapping[str, str]) -> None:
    """Link these SKUs to their items; a link to the same item stays as it is, broken or not."""
    await conn.execute(SAVE_NEW, merchant_id, list(links), list(links.values()))


async def mark_broken(conn: Connection, merchant_id: str, sku: str, item_id: str) -> None:
    """Note that the item is gone from Clover; the link is not used before catalog links the SKU again."""
    await conn.execute(BREAK, merchant_id, sku, item_id)


async def find(conn: Connection, merchant_id: str, skus: Collection[str]) -> Mapping[str, str]:
    """Return the item ids of those SKUs that are linked."""
    rows = await conn.fetch(FIND, merchant_id, list(skus))
    return {row["sku"]: row["item_id"] for row in rows}


async def known(conn: Connection, merchant_id: str, skus: Collection[str]) -> set[str]:
    """Return those SKUs that are or were linked."""
    rows = await conn.fetch(KNOWN, merchant_id, list(skus))
    return {row["sku"] for row in rows}
