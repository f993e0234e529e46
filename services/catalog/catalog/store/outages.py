"""The outages of Clover that merchants were informed of, by region."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common.db.unit import Connection, Unit

REGIONS = "SELECT DISTINCT region FROM merchant WHERE connected ORDER BY region"
NEXT = """
SELECT merchant_id FROM merchant WHERE connected AND region = $1 ORDER BY merchant_id <= $2, merchant_id LIMIT 1
"""
BEGIN = """
INSERT INTO region_outage (region, began_at, informed_after) VALUES ($1, $2, '') ON CONFLICT DO NOTHING RETURNING region
"""
END = "UPDATE region_outage SET is_over = true, informed_after = '' WHERE region = $1 RETURNING region"
UNFINISHED = """
SELECT region, began_at, is_over, informed_after FROM region_outage WHERE informed_after IS NOT NULL
ORDER BY region LIMIT 1 FOR UPDATE
"""
# An outage that is over concerns merchants that were disconnected meanwhile as well.
PORTION = """
SELECT merchant_id FROM merchant WHERE region = $1 AND merchant_id > $2 AND (connected OR $3)
ORDER BY merchant_id LIMIT $4
"""
INFORMED = "UPDATE region_outage SET informed_after = $2 WHERE region = $1"
FORGET = "DELETE FROM region_outage WHERE region = $1"


@dataclass(frozen=True)
class Informing:
    """The information of a region's merchants about an outage or its end; `informed_after` is the last who has it."""

    region: str
    began_at: datetime
    is_over: bool
    informed_after: str


async def regions(conn: Connection) -> list[str]:
    """Return the regions with connected merchants."""
    return [row["region"] for row in await conn.fetch(REGIONS)]


async def next_merchant(conn: Connection, region: str, after: str) -> str | None:
    """Return the connected merchant of this region that comes after another one, or the first."""
    found: str | None = await conn.fetchval(NEXT, region, after)
    return found


async def ongoing(conn: Connection) -> dict[str, datetime]:
    """Return the outages that have not ended, with their beginnings."""
    return {row["region"]: row["began_at"] for row in await conn.fetch("SELECT region, began_at FROM region_outage")}


async def begin(unit: Unit, region: str, began_at: datetime) -> bool:
    """Store the beginning of an outage; return False if it is known already."""
    return bool(await unit.conn.fetch(BEGIN, region, began_at))


async def end(unit: Unit, region: str) -> bool:
    """Store the end of an outage; return False if none is known."""
    return bool(await unit.conn.fetch(END, region))


async def unfinished(unit: Unit) -> Informing | None:
    """Lock and return the next information of which not all merchants have heard."""
    row = await unit.conn.fetchrow(UNFINISHED)
    return Informing(**row) if row else None


async def portion(unit: Unit, informing: Informing, limit: int) -> Sequence[str]:
    """Return the next merchants to be informed."""
    given = informing.region, informing.informed_after, informing.is_over, limit
    return [row["merchant_id"] for row in await unit.conn.fetch(PORTION, *given)]


async def save_informed(unit: Unit, informing: Informing, last: str | None) -> None:
    """Note the last merchant that was informed; None when all are. An outage that is over is then forgotten."""
    if last is None and informing.is_over:
        await unit.conn.execute(FORGET, informing.region)
    else:
        await unit.conn.execute(INFORMED, informing.region, last)
