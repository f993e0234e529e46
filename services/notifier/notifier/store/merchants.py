"""The stores that the dashboard lists."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from common.contracts.problems import Code
from common.db.merchants import Merchant
from common.db.unit import Connection
from notifier.domain.mail import is_mailed

STORES = """
SELECT m.merchant_id, m.account_id, m.region, m.currency, m.timezone, m.connected, coalesce(c.name, '') AS name,
    (SELECT count(*) FROM merchant_problem p WHERE p.merchant_id = m.merchant_id
     AND resolved_at IS NULL AND code = ANY($3)) AS open_count,
    (SELECT count(*) FROM merchant_problem p WHERE p.merchant_id = m.merchant_id
     AND resolved_at IS NULL AND code = ANY($4)) AS note_count
FROM merchant m LEFT JOIN contact c ON c.merchant_id = m.merchant_id
WHERE $1::text[] IS NULL OR m.merchant_id = ANY($1) ORDER BY open_count DESC, m.merchant_id LIMIT $2
"""


@dataclass(frozen=True)
class Store:
    """A merchant on the dashboard. `name` is empty until catalog has given it.

    `open_count` counts the open problems that need attention, `note_count` those that only inform.
    """

    merchant: Merchant
    name: str
    connected: bool
    open_count: int
    note_count: int


async def list_stores(conn: Connection, merchant_ids: Sequence[str] | None, limit: int) -> list[Store]:
    """Return the stores of these merchants, or of all when None; those with the most open problems first."""
    urgent = [code for code in Code if is_mailed(code)]
    rows = await conn.fetch(STORES, merchant_ids, limit, urgent, [code for code in Code if code not in urgent])
    return [
        Store(
            Merchant(**{each.name: row[each.name] for each in fields(Merchant)}),
            row["name"],
            row["connected"],
            row["open_count"],
            row["note_count"],
        )
        for row in rows
    ]
