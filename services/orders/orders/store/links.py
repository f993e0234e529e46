"""The Clover items of SKUs, as catalog links them, without those that are missing in Clover."""

from collections.abc import Collection, Mapping, Sequence

from common.catalog_client import ItemLink
from common.contracts.problems import Code
from common.db import links
from common.db.unit import Connection, Unit
from orders.kinds import RELEASE_HELD
from orders.store import holding

FIND = """
SELECT DISTINCT ON (sku) sku, item_id, EXISTS (
    SELECT FROM broken_link broken WHERE broken.merchant_id = item_link.merchant_id
        AND broken.item_id = item_link.item_id AND broken.version = item_link.version
) AS is_broken
FROM item_link WHERE merchant_id = $1 AND sku = ANY($2) AND linked ORDER BY sku, version DESC
"""
KNOWN = "SELECT DISTINCT sku FROM item_link WHERE merchant_id = $1 AND sku = ANY($2)"
BREAK = """
INSERT INTO broken_link (merchant_id, item_id, version)
SELECT merchant_id, item_id, version FROM item_link WHERE merchant_id = $1 AND sku = $2 AND item_id = $3
ON CONFLICT (merchant_id, item_id) DO UPDATE SET version = excluded.version
"""
OF_ITEMS = "SELECT item_id, sku FROM item_link WHERE merchant_id = $1 AND item_id = ANY($2) AND linked"


async def save(unit: Unit, merchant_id: str, given: Sequence[ItemLink]) -> None:
    """Save these links, as far as they are news, and release the orders that wait for one."""
    news = await links.save(unit, merchant_id, given)
    linked = any(each.linked for each in news)
    if linked and await holding.any_held(unit.conn, merchant_id, [Code.SKU_UNLINKED]):
        unit.mark(RELEASE_HELD, merchant_id, Code.SKU_UNLINKED)


async def mark_broken(conn: Connection, merchant_id: str, sku: str, item_id: str) -> None:
    """Note that the item is gone from Clover; the link is not used before catalog links the SKU again."""
    await conn.execute(BREAK, merchant_id, sku, item_id)


async def find(conn: Connection, merchant_id: str, skus: Collection[str]) -> Mapping[str, str]:
    """Return the item ids of those SKUs that are linked to an item that Clover is not known to lack."""
    rows = await conn.fetch(FIND, merchant_id, list(skus))
    return {row["sku"]: row["item_id"] for row in rows if not row["is_broken"]}


async def known(conn: Connection, merchant_id: str, skus: Collection[str]) -> set[str]:
    """Return those SKUs that are or were linked."""
    rows = await conn.fetch(KNOWN, merchant_id, list(skus))
    return {row["sku"] for row in rows}


async def of_items(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> Mapping[str, str]:
    """Return the SKUs of those of these items that are linked."""
    rows = await conn.fetch(OF_ITEMS, merchant_id, list(item_ids))
    return {row["item_id"]: row["sku"] for row in rows}
