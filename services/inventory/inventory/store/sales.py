"""Keeps the sales and returns at the till, as orders reports them."""

from collections.abc import Sequence
from datetime import datetime

from common.db.unit import Connection, Unit
from inventory.domain.sales import TillSale

ADD = """
INSERT INTO till_sale (merchant_id, item_id, delta, sold_at, reported_at)
SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])
"""
REPORTED_SINCE = """
SELECT item_id, delta, sold_at, reported_at FROM till_sale
WHERE merchant_id = $1 AND item_id = ANY($2) AND reported_at >= $3
"""


async def add(unit: Unit, merchant_id: str, sales: Sequence[TillSale]) -> None:
    """Keep these sales; each report is handled once."""
    await unit.conn.execute(
        ADD,
        merchant_id,
        [sale.item_id for sale in sales],
        [sale.delta for sale in sales],
        [sale.sold_at for sale in sales],
        [sale.reported_at for sale in sales],
    )


async def reported_since(
    conn: Connection, merchant_id: str, item_ids: Sequence[str], since: datetime
) -> dict[str, list[TillSale]]:
    """Return the sales of these items that were reported since then, by item."""
    found: dict[str, list[TillSale]] = {item_id: [] for item_id in item_ids}
    for row in await conn.fetch(REPORTED_SINCE, merchant_id, item_ids, since):
        found[row["item_id"]].append(TillSale(**row))
    return found
