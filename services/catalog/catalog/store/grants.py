"""The grants of calls to Clover: who may call how fast until when, and who waits."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from catalog.domain.grants import WINDOW, Claim, State
from common.db.unit import Connection

QUEUE_SLOT_TTL = timedelta(seconds=1)
"""A waiting process keeps its place in the queue this long without asking again; processes ask every 0.25 s."""

LEASE_MARGIN = timedelta(seconds=0.5)
"""A grant counts this much longer than its holder uses it: the answer needs time to reach the holder."""

# One process at a time divides the quota. The commit does not wait for the disk: a crash of the database loses at
# most the grants of the last moment, and the restart takes longer than they live.
LOCK = """
SELECT set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock(hashtext('catalog.grants')),
    clock_timestamp() AS now
"""
CLAIMS = """
WITH expired AS (DELETE FROM grants WHERE expires_at <= $1)
SELECT merchant_id, holder, state, started_at, rate, concurrency FROM grants WHERE expires_at > $1
"""
# A renewal keeps the id of the grant.
SAVE_CLAIM = """
INSERT INTO grants (merchant_id, holder, grant_id, service, state, started_at, rate, concurrency, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (merchant_id, holder) DO UPDATE SET
    grant_id = CASE WHEN grants.state = 'holding' THEN grants.grant_id ELSE excluded.grant_id END,
    service = excluded.service, state = excluded.state, started_at = excluded.started_at,
    rate = excluded.rate, concurrency = excluded.concurrency, expires_at = excluded.expires_at
RETURNING grant_id
"""
# The row stays until its first call is a second old, because Clover counts that call until then.
RELEASE = """
UPDATE grants SET state = 'returned', rate = 0, concurrency = 0, expires_at = started_at + $2
WHERE grant_id = $1 AND state = 'holding'
"""


async def lock(conn: Connection) -> datetime:
    """Lock the grants for the transaction; return the database's time, which all processes share."""
    [row] = await conn.fetch(LOCK)
    now: datetime = row["now"]
    return now


async def claims(conn: Connection, merchant_id: str, holder: UUID, now: datetime) -> tuple[Claim | None, list[Claim]]:
    """Return the holder's own claim on this merchant, and all other claims. Deletes the expired ones."""
    rows = {(row["merchant_id"], row["holder"]): _claim(row) for row in await conn.fetch(CLAIMS, now)}
    own = rows.pop((merchant_id, holder), None)
    return own, list(rows.values())


async def save_claim(
    conn: Connection, holder: UUID, service: str, claim: Claim, now: datetime, duration: timedelta
) -> UUID:
    """Save the holder's claim, which expires after `duration`, or soon if it waits; return the id of the grant."""
    lifetime = duration + LEASE_MARGIN if claim.state is State.HOLDING else QUEUE_SLOT_TTL
    grant_id: UUID = await conn.fetchval(
        SAVE_CLAIM,
        claim.merchant_id,
        holder,
        uuid4(),
        service,
        claim.state,
        claim.started_at,
        claim.rate,
        claim.concurrency,
        now + lifetime,
    )
    return grant_id


async def release(conn: Connection, grant_id: UUID) -> None:
    """Free the share of this grant."""
    await conn.execute(RELEASE, grant_id, WINDOW)


def _claim(row: asyncpg.Record) -> Claim:
    return Claim(
        merchant_id=row["merchant_id"],
        state=State(row["state"]),
        started_at=row["started_at"],
        rate=row["rate"],
        concurrency=row["concurrency"],
    )
