"""Leases: who alone may act under a name until when, by the database's clock, fenced by a token."""

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


# A lease that a commit under way holds fast is passed over: waiting for it would cost all others theirs.
PROLONG = """
WITH ours AS (SELECT name FROM lease WHERE name = ANY($1) AND token = $2 FOR NO KEY UPDATE SKIP LOCKED)
UPDATE lease SET expires_at = now() + $3 FROM ours WHERE lease.name = ours.name RETURNING lease.name
"""


class LeaseLost(Conflict):
    """Another holds the lease by now; what was about to be written is not."""


async def take(conn: Connection, names: Sequence[str], token: UUID, ttl: timedelta) -> list[str]:
    """Take, or prolong, the leases that are free, expired or ours already; the names of those now held."""
    return [row["name"] for row in await conn.fetch(TAKE, names, token, ttl)]


async def prolong(conn: Connection, names: Sequence[str], token: UUID, ttl: timedelta) -> list[str]:
    """Keep the leases that are still ours for another while; their names, but for those a commit holds fast now."""
    return [row["name"] for row in await conn.fetch(PROLONG, names, token, ttl)]


async def release(conn: Connection, names: Sequence[str], token: UUID) -> None:
    """Give back the leases that are still ours."""
    await conn.execute("DELETE FROM lease WHERE name = ANY($1) AND token = $2", names, token)


async def fence(conn: Connection, name: str, token: UUID) -> None:
    """Hold the lease fast for the rest of this transaction. Raises LeaseLost when it is no longer ours."""
    if not await conn.fetchval("SELECT true FROM lease WHERE name = $1 AND token = $2 FOR SHARE", name, token):
        raise LeaseLost(f"the lease on {name} went to another")
