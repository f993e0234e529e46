"""Whether Clover accepts the tokens of a connection.

As in `tokens`, a finding about one token is never written over another one, which is known by its `tokens_id`.
"""

from datetime import datetime
from uuid import UUID

from catalog.domain.access import RefusedAccess
from common.db.unit import Connection

PRESENT = "SELECT tokens_id FROM connection WHERE merchant_id = $1 AND sealed_token IS NOT NULL"
IS_ACCEPTED = "SELECT EXISTS (SELECT FROM connection WHERE merchant_id = $1 AND refused_at IS NULL)"
NOTE_UNINSTALLED = "UPDATE connection SET uninstalled_at = coalesce(uninstalled_at, $2) WHERE merchant_id = $1"
# A row without either is not written, as most checks find it.
ACCEPT = """
WITH refused AS (
    SELECT merchant_id, refused_at FROM connection
    WHERE merchant_id = $1 AND (refused_at IS NOT NULL OR uninstalled_at IS NOT NULL) FOR UPDATE
)
UPDATE connection SET refused_at = NULL, uninstalled_at = NULL FROM refused
WHERE connection.merchant_id = refused.merchant_id RETURNING refused.refused_at IS NOT NULL AS was_refused
"""
REFUSE = """
UPDATE connection SET refused_at = coalesce(refused_at, $3) WHERE merchant_id = $1 AND tokens_id = $2
RETURNING refused_at, uninstalled_at, sealed_refresh_token IS NOT NULL AND lost_at IS NULL AS is_refreshable
"""
DEMAND_REFRESH = "UPDATE connection SET refresh_at = least(refresh_at, $2) WHERE merchant_id = $1"
ERASE = """
UPDATE connection SET sealed_token = NULL, sealed_refresh_token = NULL, refresh_at = NULL,
    lost_at = coalesce(lost_at, $2), tokens_id = gen_random_uuid()
WHERE merchant_id = $1
"""


async def present_token(conn: Connection, merchant_id: str) -> UUID | None:
    """Return the id of the merchant's token; None if the merchant is disconnected, or the token erased."""
    found: UUID | None = await conn.fetchval(PRESENT, merchant_id)
    return found


async def is_accepted(conn: Connection, merchant_id: str) -> bool:
    """Return whether the merchant is connected and no refusal is known."""
    return bool(await conn.fetchval(IS_ACCEPTED, merchant_id))


async def note_uninstalled(conn: Connection, merchant_id: str, now: datetime) -> None:
    """Note that a webhook said that the app was uninstalled."""
    await conn.execute(NOTE_UNINSTALLED, merchant_id, now)


async def accept(conn: Connection, merchant_id: str) -> bool:
    """Note that Clover accepts the access; return whether it refused it before."""
    return bool(await conn.fetchval(ACCEPT, merchant_id))


async def refuse(conn: Connection, merchant_id: str, tokens_id: UUID, now: datetime) -> RefusedAccess | None:
    """Note that Clover refuses this token; return the known facts, or None when it is not the present one any more."""
    row = await conn.fetchrow(REFUSE, merchant_id, tokens_id, now)
    return RefusedAccess(**row) if row else None


async def demand_refresh(conn: Connection, merchant_id: str, now: datetime) -> None:
    """Let the tokens be due for the next pair."""
    await conn.execute(DEMAND_REFRESH, merchant_id, now)


async def erase_tokens(conn: Connection, merchant_id: str, now: datetime) -> None:
    """Erase the tokens. The connection stays, with the address to which problems are reported."""
    await conn.execute(ERASE, merchant_id, now)
