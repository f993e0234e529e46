"""The outages of Clover that merchants were informed of, by region."""

from collections.abc import Sequence
from datetime import datetime

from common.db.unit import Connection, Unit

REGIONS = "SELECT DISTINCT region FROM merchant WHERE connected ORDER BY region"
NEXT = """
SELECT merchant_id FROM merchant WHERE connected AND region = $1 ORDER BY merchant_id <= $2, merchant_id LIMIT 1
"""
CONNECTED = "SELECT merchant_id FROM merchant WHERE connected AND region = $1 ORDER BY merchant_id"
MERCHANTS = "SELECT merchant_id FROM merchant WHERE region = $1 ORDER BY merchant_id"
BEGIN = "INSERT INTO region_outage (region, began_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING region"
END = "DELETE FROM region_outage WHERE region = $1 RETURNING began_at"


async def regions(conn: Connection) -> list[str]:
    """Return the regions with connected merchants."""
    return [row["region"] for row in await conn.fetch(REGIONS)]


async def next_merchant(conn: Connection, region: str, after: str) -> str | None:
    """Return the connected merchant of this region that comes after another one, or the first."""
    found: str | None = await conn.fetchval(NEXT, region, after)
    return found


async def connected(unit: Unit, region: str) -> Sequence[str]:
    """Return the connected merchants of this region."""
    return [row["merchant_id"] for row in await unit.conn.fetch(CONNECTED, region)]


async def merchants(unit: Unit, region: str) -> Sequence[str]:
    """Return the merchants of this region, connected or not."""
    return [row["merchant_id"] for row in await unit.conn.fetch(MERCHANTS, region)]


async def ongoing(conn: Connection) -> dict[str, datetime]:
    """Return the outages that have not ended, with their beginnings."""
    return {row["region"]: row["began_at"] for row in await conn.fetch("SELECT region, began_at FROM region_outage")}


async def begin(unit: Unit, region: str, began_at: datetime) -> bool:
    """Store the beginning of an outage; return False if it is known already."""
    return bool(await unit.conn.fetch(BEGIN, region, began_at))


async def end(unit: Unit, region: str) -> datetime | None:
    """Forget the outage, and return when it began."""
    began_at: datetime | None = await unit.conn.fetchval(END, region)
    return began_at
