"""The OAuth tokens of the connections, exchanged for the next pair before they expire.

A pair is known by its `tokens_id`: a finding about one pair is never written over another.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from catalog.domain.oauth import SealedTokens
from common.db.unit import Connection

FIND = """
SELECT tokens_id, region, sealed_refresh_token, refresh_at, refresh_sent_at, lost_at
FROM connection JOIN merchant USING (merchant_id)
WHERE merchant_id = $1 AND sealed_refresh_token IS NOT NULL AND refresh_at IS NOT NULL
"""
NOTE_SENT = "UPDATE connection SET refresh_sent_at = $3 WHERE merchant_id = $1 AND tokens_id = $2 RETURNING tokens_id"
IS_CURRENT = "SELECT EXISTS (SELECT FROM connection WHERE merchant_id = $1 AND tokens_id = $2)"
REPLACE = """
UPDATE connection SET sealed_token = $3, token_expires_at = $4, sealed_refresh_token = $5, refresh_at = $6,
    refresh_sent_at = NULL, lost_at = NULL, tokens_id = gen_random_uuid()
WHERE merchant_id = $1 AND tokens_id = $2 RETURNING tokens_id
"""
LOSE = "UPDATE connection SET lost_at = coalesce(lost_at, $3) WHERE merchant_id = $1 AND tokens_id = $2"


@dataclass(frozen=True)
class RefreshToken:
    """A merchant's sealed refresh token. `sent_at` is set if it was sent, and its answer is not known."""

    tokens_id: UUID
    region: str
    sealed_refresh_token: bytes = field(repr=False)
    refresh_at: datetime
    refresh_sent_at: datetime | None
    lost_at: datetime | None


async def find(conn: Connection, merchant_id: str) -> RefreshToken | None:
    """Return the refresh token of this merchant; None for an API token, and after a disconnection."""
    row = await conn.fetchrow(FIND, merchant_id)
    return RefreshToken(**row) if row else None


async def note_sent(conn: Connection, merchant_id: str, tokens_id: UUID, now: datetime) -> bool:
    """Note that the refresh token is about to be sent. Return False when the pair is not the present one."""
    return bool(await conn.fetchval(NOTE_SENT, merchant_id, tokens_id, now))


async def is_current(conn: Connection, merchant_id: str, tokens_id: UUID) -> bool:
    """Return whether this pair is still the present one."""
    return bool(await conn.fetchval(IS_CURRENT, merchant_id, tokens_id))


async def replace(conn: Connection, merchant_id: str, tokens_id: UUID, tokens: SealedTokens) -> bool:
    """Save the pair that follows this one. Return False when another one has followed it."""
    saved = await conn.fetchval(
        REPLACE,
        merchant_id,
        tokens_id,
        tokens.token,
        tokens.expires_at,
        tokens.refresh_token,
        tokens.refresh_at,
    )
    return bool(saved)


async def lose(conn: Connection, merchant_id: str, tokens_id: UUID, now: datetime) -> None:
    """Note that Clover does not accept the refresh token; the access token lasts until it expires."""
    await conn.execute(LOSE, merchant_id, tokens_id, now)
