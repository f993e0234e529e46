"""Dashboard sessions, by the hash of their cookie."""

from collections.abc import Collection, Sequence
from datetime import datetime

from common.db.unit import Connection, Unit
from notifier.store.feed import FEED

ADD_SESSION = "INSERT INTO session (hash, merchants, scopes, expires_at) VALUES ($1, $2, $3, $4)"


async def add_session(
    unit: Unit, cookie_hash: bytes, merchants: Sequence[str], scopes: Sequence[str], expires_at: datetime
) -> None:
    """Save a session, and delete all expired ones."""
    await unit.conn.execute("DELETE FROM session WHERE expires_at < $1", unit.now)
    await unit.conn.execute(ADD_SESSION, cookie_hash, merchants, scopes, expires_at)


async def find_session(
    conn: Connection, cookie_hash: bytes, now: datetime
) -> tuple[frozenset[str], frozenset[str]] | None:
    """Return the scopes and merchants of the session, or None if it does not exist or has expired."""
    row = await conn.fetchrow(
        "SELECT scopes, merchants FROM session WHERE hash = $1 AND expires_at > $2", cookie_hash, now
    )
    return (frozenset(row["scopes"]), frozenset(row["merchants"])) if row else None


async def open_sessions(conn: Connection, hashes: Collection[bytes], now: datetime) -> set[bytes]:
    """Return those of these sessions that exist and have not expired."""
    found = "SELECT hash FROM session WHERE hash = ANY($1) AND expires_at > $2"
    return {row["hash"] for row in await conn.fetch(found, list(hashes), now)}


async def delete_session(unit: Unit, cookie_hash: bytes) -> None:
    """End the session, and wake the hubs of all replicas, which end its streams."""
    await unit.conn.execute("DELETE FROM session WHERE hash = $1", cookie_hash)
    unit.notify(FEED)
