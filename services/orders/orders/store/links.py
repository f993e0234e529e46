"""The Clover items of SKUs, as catalog links them."""

from collections.abc import Collection, Mapping

from common.db.unit import Connection, Unit

SAVE = """
INSERT INTO link (merchant_id, sku, item_id) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id, sku) DO UPDATE SET item_id = excluded.item_id
"""
FIND = "SELECT sku, item_id FROM link WHERE merchant_id = $1 AND sku = ANY($2)"


def save(unit: Unit, merchant_id: str, sku: str, item_id: str) -> None:
    """Link the SKU to the item."""
    unit.write(SAVE, merchant_id, sku, item_id)


async def find(conn: Connection, merchant_id: str, skus: Collection[str]) -> Mapping[str, str]:
    """Return the item ids of those SKUs that are linked."""
    rows = await conn.fetch(FIND, merchant_id, list(skus))
    return {row["sku"]: row["item_id"] for row in rows}
