"""The merchants of a service, copied from catalog's events; every service keeps the same small table.

A row carries the version of catalog's row. An event that is not newer than the row changes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass

from common.catalog_client import CatalogClient
from common.contracts.catalog import MerchantConnected, MerchantDisconnected
from common.db.database import Database
from common.db.unit import Connection, Unit
from common.errors import NotFound

SAVE = """
INSERT INTO merchant (merchant_id, account_id, region, currency, timezone, version, connected)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (merchant_id) DO UPDATE SET account_id = excluded.account_id, region = excluded.region,
    currency = excluded.currency, timezone = excluded.timezone, version = excluded.version,
    connected = excluded.connected, fetched = false
WHERE excluded.version > merchant.version OR (merchant.fetched AND excluded.version = merchant.version)
RETURNING merchant_id
"""
# `fetched` lets the event of the same version still have its effects.
SAVE_FETCHED = """
INSERT INTO merchant (merchant_id, account_id, region, currency, timezone, version, fetched)
VALUES ($1, $2, $3, $4, $5, $6, true)
ON CONFLICT (merchant_id) DO UPDATE SET account_id = excluded.account_id, region = excluded.region,
    currency = excluded.currency, timezone = excluded.timezone, version = excluded.version, connected = true,
    fetched = true
WHERE excluded.version > merchant.version
"""
FIND = "SELECT merchant_id, account_id, region, currency, timezone FROM merchant WHERE merchant_id = $1"
CONNECTED = "SELECT merchant_id FROM merchant WHERE merchant_id = ANY($1) AND connected"
OUTDATED = """
SELECT theirs.merchant_id FROM unnest($1::text[], $2::bigint[]) AS theirs (merchant_id, version)
LEFT JOIN merchant ours USING (merchant_id)
WHERE ours.version IS NULL OR ours.version < theirs.version OR (ours.fetched AND ours.version = theirs.version)
"""


@dataclass(frozen=True)
class Merchant:
    """A merchant whose Clover is or was connected. `region` is `us`, `eu`, `la` or `sandbox`; `timezone` is IANA's."""

    merchant_id: str
    account_id: str
    region: str
    currency: str
    timezone: str


async def save(unit: Unit, event: MerchantConnected | MerchantDisconnected) -> bool:
    """Save the merchant; return whether the event is news. A handler has no effects of an event that is not."""
    return bool(
        await unit.conn.fetch(
            SAVE,
            event.merchant_id,
            event.account_id,
            event.region,
            event.currency,
            event.timezone,
            event.version,
            isinstance(event, MerchantConnected),
        )
    )


async def find(conn: Connection, merchant_id: str) -> Merchant:
    """Return the merchant, connected or not any more. Raise NotFound when none of this id was ever connected."""
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
            SAVE_FETCHED,
            merchant_id,
            fetched.account_id,
            fetched.region,
            fetched.currency,
            fetched.timezone,
            fetched.version,
        )
        return await find(unit.conn, merchant_id)


async def known(conn: Connection, merchant_ids: Collection[str]) -> set[str]:
    """Return those of these ids that are connected merchants."""
    return {row["merchant_id"] for row in await conn.fetch(CONNECTED, list(merchant_ids))}


async def outdated(conn: Connection, versions: dict[str, int]) -> set[str]:
    """Return those of these merchants, given with catalog's versions, whose row here is older or missing."""
    rows = await conn.fetch(OUTDATED, list(versions), list(versions.values()))
    return {row["merchant_id"] for row in rows}
