"""The merchants of a service, copied from catalog's events; every service keeps the same small table."""

from collections.abc import Collection
from dataclasses import dataclass

from common.catalog_client import CatalogClient
from common.contracts.catalog import MerchantConnected
from common.contracts.problems import Code
from common.db.database import Database
from common.db.unit import Connection, Unit
from common.errors import NotFound
from common.work import table

SAVE = """
INSERT INTO merchant (merchant_id, account_id, region, currency, timezone) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (merchant_id) DO UPDATE SET account_id = excluded.account_id, region = excluded.region,
    currency = excluded.currency, timezone = excluded.timezone
"""
# The event may arrive while catalog is asked; it is not older than the answer.
SAVE_FETCHED = """
INSERT INTO merchant (merchant_id, account_id, region, currency, timezone) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (merchant_id) DO NOTHING
"""
FIND = "SELECT merchant_id, account_id, region, currency, timezone FROM merchant WHERE merchant_id = $1"


@dataclass(frozen=True)
class Merchant:
    """A merchant whose Clover is connected. `region` is `us`, `eu`, `la` or `sandbox`; `timezone` is an IANA name."""

    merchant_id: str
    account_id: str
    region: str
    currency: str
    timezone: str


async def on_merchant_connected(event: MerchantConnected, unit: Unit) -> None:
    """Save the merchant, and release the work that waited for its connection.

    A service with more to do calls this first.
    """
    await unit.conn.execute(SAVE, event.merchant_id, event.account_id, event.region, event.currency, event.timezone)
    await table.release(unit, event.merchant_id, Code.CONNECTION_LOST)


async def find(conn: Connection, merchant_id: str) -> Merchant:
    """Return the merchant. Raise NotFound when no merchant of this id is connected."""
    row = await conn.fetchrow(FIND, merchant_id)
    if row is None:
        raise NotFound(f"There is no merchant {merchant_id} here.")
    return Merchant(**row)


async def find_or_fetch(database: Database, catalog: CatalogClient | None, merchant_id: str) -> Merchant:
    """Return the merchant; one whose event has not arrived yet is fetched from catalog and saved.

    Call it before a unit is opened, because no transaction should wait for another service. Raises NotFound when
    catalog has no such merchant, and Unavailable. Without a catalog, as in catalog itself, nothing is fetched.
    """
    try:
        async with database.connection() as conn:
            return await find(conn, merchant_id)
    except NotFound:
        if catalog is None:
            raise
        fetched = await catalog.merchant(merchant_id)
    async with database.unit() as unit:
        await unit.conn.execute(
            SAVE_FETCHED, merchant_id, fetched.account_id, fetched.region, fetched.currency, fetched.timezone
        )
        return await find(unit.conn, merchant_id)


async def known(conn: Connection, merchant_ids: Collection[str]) -> set[str]:
    """Return those of these ids that are connected merchants."""
    rows = await conn.fetch("SELECT merchant_id FROM merchant WHERE merchant_id = ANY($1)", list(merchant_ids))
    return {row["merchant_id"] for row in rows}
