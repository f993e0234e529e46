"""The people who were sent to Clover to connect a merchant, and have not come back yet."""

from dataclasses import dataclass, field
from datetime import datetime

from catalog.domain.oauth import StartedConnection
from common.db.unit import Connection

DELETE_EXPIRED = "DELETE FROM oauth_state WHERE expires_at <= $1"
# Everybody can launch the app for a merchant: the newest twenty states are kept.
MOST_OF_A_MERCHANT = 20
DELETE_OLDEST = """
DELETE FROM oauth_state WHERE merchant_id = $1 AND state_hash NOT IN (
    SELECT state_hash FROM oauth_state WHERE merchant_id = $1 ORDER BY expires_at DESC, state_hash LIMIT $2
)
"""
START = """
INSERT INTO oauth_state (state_hash, account_id, region, merchant_id, merchants, sealed_email, sealed_verifier,
    expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
TAKE = """
DELETE FROM oauth_state WHERE state_hash = $1
RETURNING account_id, region, merchant_id, merchants, sealed_email, sealed_verifier, expires_at
"""


@dataclass(frozen=True)
class StartedRow:
    """A started connection, with the sealed address of its account and the sealed PKCE verifier."""

    started: StartedConnection
    sealed_email: bytes = field(repr=False)
    sealed_verifier: bytes | None = field(repr=False)


async def start(conn: Connection, state_hash: bytes, row: StartedRow, expires_at: datetime) -> None:
    """Store a started connection under the hash of its state."""
    started = row.started
    await conn.execute(DELETE_OLDEST, started.merchant_id, MOST_OF_A_MERCHANT - 1)
    await conn.execute(
        START,
        state_hash,
        started.account_id,
        started.region,
        started.merchant_id,
        list(started.merchants),
        row.sealed_email,
        row.sealed_verifier,
        expires_at,
    )


async def take(conn: Connection, state_hash: bytes, now: datetime) -> StartedRow | None:
    """Return the started connection of this state and delete it, so that it serves once. None when it has expired."""
    row = await conn.fetchrow(TAKE, state_hash)
    if row is None or row["expires_at"] <= now:
        return None
    started = StartedConnection(row["account_id"], row["region"], row["merchant_id"], tuple(row["merchants"]))
    return StartedRow(started, row["sealed_email"], row["sealed_verifier"])


async def delete_expired(conn: Connection, now: datetime) -> None:
    """Delete the started connections whose time is over."""
    await conn.execute(DELETE_EXPIRED, now)
