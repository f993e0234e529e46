"""The connections: how to call each merchant's Clover. The merchants themselves are rows that are never deleted."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from catalog.domain.oauth import SealedTokens
from common.catalog_client import MerchantState
from common.contracts.catalog import MerchantConnected, MerchantDisconnected
from common.db.unit import Connection
from common.errors import NotFound

SAVE = """
INSERT INTO connection (merchant_id, name, sealed_email, connected_at, sealed_token, token_expires_at,
    sealed_refresh_token, refresh_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (merchant_id) DO UPDATE SET
    name = excluded.name, sealed_email = excluded.sealed_email, connected_at = excluded.connected_at,
    sealed_token = excluded.sealed_token, token_expires_at = excluded.token_expires_at,
    sealed_refresh_token = excluded.sealed_refresh_token, refresh_at = excluded.refresh_at,
    refresh_sent_at = NULL, lost_at = NULL, refused_at = NULL, uninstalled_at = NULL, tokens_id = gen_random_uuid()
RETURNING xmax = 0 AS new
"""
FIND = """
SELECT merchant_id, version, account_id, region, currency, timezone, name, sealed_email, connected_at,
    token_expires_at, coalesce(refused_at, lost_at) AS access_lost_at
FROM connection JOIN merchant USING (merchant_id) WHERE merchant_id = $1
"""
# The first to commit owns a new merchant: another insert waits for it and changes nothing.
ADD_MERCHANT = """
INSERT INTO merchant (merchant_id, account_id, region, currency, timezone) VALUES ($1, $2, '', '', '')
ON CONFLICT (merchant_id) DO NOTHING
"""
LOCK_ACCOUNT = "SELECT account_id FROM merchant WHERE merchant_id = $1 FOR UPDATE"
# The version is at least the time in milliseconds: a catalog that was restored from a backup counts on from beyond the
# versions that the other services have seen.
CONNECT = """
UPDATE merchant SET account_id = $2, region = $3, currency = $4, timezone = $5, connected = true,
    version = greatest(version + 1, $6)
WHERE merchant_id = $1 RETURNING version, erase_before
"""
RECONNECT = """
UPDATE merchant SET version = greatest(version + 1, $2) WHERE merchant_id = $1
RETURNING merchant_id, version, account_id, region, currency, timezone, erase_before
"""
DISCONNECT = """
UPDATE merchant SET connected = false, version = greatest(version + 1, $2),
    erase_before = coalesce($3::timestamptz, erase_before)
WHERE merchant_id = $1 AND version > 0 AND (connected OR $3::timestamptz IS NOT NULL)
RETURNING merchant_id, version, account_id, region, currency, timezone, erase_before
"""
STATES = """
SELECT merchant.merchant_id, account_id, region, currency, timezone, merchant.version, connected, erase_before,
    coalesce(link_position.version, 0) AS links_version
FROM merchant LEFT JOIN link_position USING (merchant_id)
WHERE merchant_id > $1 AND merchant.version > 0 ORDER BY merchant_id LIMIT $2
"""
ERASURE = "SELECT connected, erase_before FROM merchant WHERE merchant_id = $1 AND version > 0"
SAVE_EMAIL = "UPDATE connection SET sealed_email = $2 WHERE merchant_id = $1"
IS_CONNECTED = "SELECT EXISTS (SELECT FROM connection WHERE merchant_id = $1)"
FIND_SEALED = """
SELECT merchant_id, region, sealed_token, token_expires_at, lost_at FROM connection JOIN merchant USING (merchant_id)
WHERE merchant_id = ANY($1)
"""
DELETE = "DELETE FROM connection WHERE merchant_id = $1"


@dataclass(frozen=True)
class SealedAccess:
    """The sealed token of a connected merchant, and the region of its Clover.

    There is no token once it was erased. A token that is `lost_at` some time cannot be refreshed any more.
    """

    merchant_id: str
    region: str
    sealed_token: bytes | None = field(repr=False)
    token_expires_at: datetime | None
    lost_at: datetime | None

    def has_expired(self, now: datetime) -> bool:
        """Whether the token has expired."""
        return self.token_expires_at is not None and self.token_expires_at <= now


@dataclass(frozen=True)
class CloverConnection:
    """A merchant's connection: its profile in Clover, and the sealed address of its account.

    `token_expires_at` is None for an API token. `access_lost_at` is when Clover accepted the tokens no longer.
    """

    merchant_id: str
    version: int
    account_id: str
    region: str
    currency: str
    timezone: str
    name: str
    sealed_email: bytes = field(repr=False)
    connected_at: datetime
    token_expires_at: datetime | None
    access_lost_at: datetime | None

    @property
    def access(self) -> str:
        """The kind of its tokens."""
        return "oauth" if self.token_expires_at else "api_token"


@dataclass(frozen=True)
class Erasure:
    """Whether a merchant is connected, and when an erasure of its personal data was last requested."""

    connected: bool
    erase_before: datetime | None


async def erasure(conn: Connection, merchant_id: str) -> Erasure:
    """Return the requested erasure of this merchant, connected or not. Raises NotFound for one that never was."""
    row = await conn.fetchrow(ERASURE, merchant_id)
    if row is None:
        raise NotFound(f"There is no merchant {merchant_id} here.")
    return Erasure(**row)


async def claim(conn: Connection, merchant_id: str, account_id: str) -> bool:
    """Lock the merchant for the transaction; return whether this account may connect it.

    A merchant that is connected belongs to its account; a new or disconnected one to the first account that commits.
    """
    await conn.execute(ADD_MERCHANT, merchant_id, account_id)
    owner: str = await conn.fetchval(LOCK_ACCOUNT, merchant_id)
    # a statement of its own: it must see the connection of the transaction that held the lock before
    is_connected = bool(await conn.fetchval(IS_CONNECTED, merchant_id))
    return owner == account_id or not is_connected


async def save_merchant(
    conn: Connection, merchant_id: str, account_id: str, region: str, currency: str, timezone: str, now: datetime
) -> MerchantConnected:
    """Write the claimed merchant as connected; return the event with its new version."""
    row = await conn.fetchrow(CONNECT, merchant_id, account_id, region, currency, timezone, clock_version(now))
    if row is None:
        raise NotFound(f"There is no merchant {merchant_id} here.")
    return MerchantConnected(
        merchant_id=merchant_id,
        account_id=account_id,
        region=region,
        currency=currency,
        timezone=timezone,
        **row,
    )


async def reconnect(conn: Connection, merchant_id: str, now: datetime) -> MerchantConnected:
    """Return the event that Clover accepts the connection again: all services then release the waiting work."""
    row = await conn.fetchrow(RECONNECT, merchant_id, clock_version(now))
    if row is None:
        raise NotFound(f"There is no merchant {merchant_id} here.")
    return MerchantConnected(**row)


async def disconnect(conn: Connection, merchant_id: str, now: datetime, *, erase: bool) -> MerchantDisconnected:
    """Delete the connection with its token and address; return the event with the merchant's new version.

    Raises NotFound when the merchant is not connected, unless there is something to erase.
    """
    row = await conn.fetchrow(DISCONNECT, merchant_id, clock_version(now), now if erase else None)
    if row is None:
        raise NotFound(f"There is no merchant {merchant_id} here.")
    await conn.execute(DELETE, merchant_id)
    return MerchantDisconnected(**row)


async def states(conn: Connection, after: str, limit: int) -> list[MerchantState]:
    """Return the merchants with an id after this one, sorted by id."""
    return [MerchantState(**row) for row in await conn.fetch(STATES, after, limit)]


async def save_email(conn: Connection, merchant_id: str, sealed_email: bytes) -> None:
    """Replace the address of the account."""
    await conn.execute(SAVE_EMAIL, merchant_id, sealed_email)


def clock_version(now: datetime) -> int:
    """Return the least version that a row changed now may get."""
    return int(now.timestamp() * 1000)


async def save(
    conn: Connection, merchant_id: str, name: str, sealed_email: bytes, tokens: SealedTokens, now: datetime
) -> bool:
    """Insert or replace the connection; return whether it is new."""
    return bool(
        await conn.fetchval(
            SAVE,
            merchant_id,
            name,
            sealed_email,
            now,
            tokens.token,
            tokens.expires_at,
            tokens.refresh_token,
            tokens.refresh_at,
        )
    )


async def find(conn: Connection, merchant_id: str) -> CloverConnection:
    """Return the connection. Raises NotFound when the merchant is not connected."""
    row = await conn.fetchrow(FIND, merchant_id)
    if row is None:
        raise NotFound(f"There is no merchant {merchant_id} here.")
    return CloverConnection(**row)


async def find_sealed(conn: Connection, merchant_ids: Collection[str]) -> list[SealedAccess]:
    """Return the sealed tokens of those of these merchants that are connected."""
    return [SealedAccess(**row) for row in await conn.fetch(FIND_SEALED, list(merchant_ids))]
