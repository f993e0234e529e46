"""Leases: a process's exclusive right to act under a name until a time (by the database's clock), fenced by a token."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from common.db.unit import Connection
from common.errors import Conflict

TAKE = """
INSERT INTO lease (name, token, expires_at)
SELECT name, $2, now() + $3 FROM unnest($1::text[]) AS name ORDER BY name
ON CONFLICT (name) DO UPDATE SET token = excluded.token, expires_at = excluded.expires_at
WHERE lease.expires_at < now() OR lease.token = excluded.token
RETURNING name
"""


# A lease locked by a running commit is skipped: while we waited for it, all others would expire.
PROLONG = """
WITH ours AS (SELECT name FROM lease WHERE name = ANY($1) AND token = $2 FOR NO KEY UPDATE SKIP LOCKED)
UPDATE lease SET expires_at = now() + $3 FROM ours WHERE lease.name = ours.name RETURNING lease.name
"""

FORGET = """
WITH old AS (
    SELECT name FROM lease WHERE expires_at < now() - $1::interval ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
),
    gone AS (DELETE FROM lease USING old WHERE lease.name = old.name RETURNING 1)
SELECT count(*) FROM gone
"""
FORGET_AFTER = timedelta(hours=1)
"""Longer than any process acts under a lease that it could not renew."""
FORGET_AT_ONCE = 10_000
"""Rows deleted per statement, so that each ends well within the statement timeout."""


class LeaseLost(Conflict):
    """Another process holds the lease now; nothing was written."""


async def take(conn: Connection, names: Sequence[str], token: UUID, ttl: timedelta) -> list[str]:
    """Take the leases that are free, expired or already ours, and return the names of those now held."""
    return [row["name"] for row in await conn.fetch(TAKE, names, token, ttl)]


async def prolong(conn: Connection, names: Sequence[str], token: UUID, ttl: timedelta) -> list[str]:
    """Prolong the leases that are still ours, and return their names, without those locked by a running commit."""
    return [row["name"] for row in await conn.fetch(PROLONG, names, token, ttl)]


async def release(conn: Connection, names: Sequence[str], token: UUID) -> None:
    """Release the leases that are still ours."""
    await conn.execute("DELETE FROM lease WHERE name = ANY($1) AND token = $2", names, token)


async def forget_expired(conn: Connection) -> None:
    """Delete the leases that processes left behind when they were killed, an hour after they expired."""
    while await conn.fetchval(FORGET, FORGET_AFTER, FORGET_AT_ONCE) == FORGET_AT_ONCE:
        pass


async def fence(conn: Connection, name: str, token: UUID) -> None:
    """Lock the lease for the rest of this transaction. Raise LeaseLost when it is no longer ours."""
    if not await conn.fetchval("SELECT true FROM lease WHERE name = $1 AND token = $2 FOR SHARE", name, token):
        raise LeaseLost(f"another process holds the lease on {name}")
