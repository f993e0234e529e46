"""The connections: how to call each merchant's Clover."""

from dataclasses import dataclass, field
from datetime import datetime

from common.db.unit import Connection
from common.errors import NotFound

SAVE = """
INSERT INTO connection (merchant_id, name, sealed_token, sealed_email, connected_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (merchant_id) DO UPDATE SET
    name = excluded.name, sealed_token = excluded.sealed_token, sealed_email = excluded.sealed_email,
    connected_at = excluded.connected_at
RETURNING xmax = 0 AS new
"""
FIND = """
SELECT merchant_id, account_id, region, currency, timezone, name, sealed_token, sealed_email, connected_at
FROM connection JOIN merchant USING (merchant_id) WHERE merchant_id = $1
"""
# The first to commit owns a new merchant: another insert waits for it and changes nothing.
ADD_MERCHANT = """
INSERT INTO merchant (merchant_id, account_id, region, currency, timezone) VALUES ($1, $2, '', '', '')
ON CONFLICT (merchant_id) DO NOTHING
"""
LOCK_ACCOUNT = "SELECT account_id FROM merchant WHERE merchant_id = $1 FOR UPDATE"
IS_CONNECTED = "SELECT EXISTS (SELECT FROM connection WHERE merchant_id = $1)"
DELETE = "DELETE FROM connection WHERE merchant_id = $1 RETURNING merchant_id"


@dataclass(frozen=True)
class CloverConnection:
    """A merchant's connection: its profile in Clover, the sealed token and the sealed address of its account."""

    merchant_id: str
    account_id: str
    region: str
    currency: str
    timezone: str
    name: str
    sealed_token: bytes = field(repr=False)
    sealed_email: bytes = field(repr=False)
    connected_at: datetime


async def claim(conn: Connection, merchant_id: str, account_id: str) -> bool:
    """Lock the merchant for the transaction; return whether this account may connect it.

    A merchant that is connected belongs to its account; a new or disconnected one to the first account that commits.
    """
    await conn.execute(ADD_MERCHANT, merchant_id, account_id)
    owner: str = await conn.fetchval(LOCK_ACCOUNT, merchant_id)
    # a statement of its own: it must see the connection of the transaction that held the lock before
    is_connected = bool(await conn.fetchval(IS_CONNECTED, merchant_id))
    return owner == account_id or not is_connected


async def delete(conn: Connection, merchant_id: str) -> None:
    """Delete the connection with its token and address. Raises NotFound when the merchant is not connected."""
    await conn.execute(LOCK_ACCOUNT, merchant_id)
    if await conn.fetchval(DELETE, merchant_id) is None:
        raise NotFound(f"There is no merchant {merchant_id} here.")


async def save(
    conn: Connection, merchant_id: str, name: str, sealed_token: bytes, sealed_email: bytes, now: datetime
) -> bool:
    """Insert or replace the connection; return whether it is new."""
    return bool(await conn.fetchval(SAVE, merchant_id, name, sealed_token, sealed_email, now))


async def find(conn: Connection, merchant_id: str) -> CloverConnection:
    """Return the connection. Raises NotFound when the merchant is not connected."""
    row = await conn.fetchrow(FIND, merchant_id)
    if row is None:
        raise NotFound(f"There is no merchant {merchant_id} here.")
    return CloverConnection(**row)
