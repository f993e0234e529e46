"""Login links, by the hash of their token."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.db.unit import Connection, Unit

KEPT = timedelta(days=1)
"""How long an expired link is kept: its page still knows which store to send a fresh link for."""

# An emailed link has its row before it is used, a signed one does not. Either way the first user wins.
USE_LINK = """
INSERT INTO login_link AS l (hash, merchants, scopes, created_at, expires_at, used_at) VALUES ($1, $2, $3, $5, $4, $5)
ON CONFLICT (hash) DO UPDATE SET used_at = excluded.used_at WHERE l.used_at IS NULL RETURNING hash
"""

ADD_LINK = """
INSERT INTO login_link (hash, merchants, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
"""

SENT_SINCE = """
SELECT created_at FROM login_link
WHERE merchants @> ARRAY[$1] AND cardinality(merchants) = 1 AND created_at > $2 AND created_at IS DISTINCT FROM used_at
"""


@dataclass(frozen=True)
class LoginLink:
    """A link that signs a person in. `is_usable` is false once it was used or has expired."""

    hash: bytes
    merchants: tuple[str, ...]
    scopes: tuple[str, ...]
    expires_at: datetime
    is_usable: bool


async def find_link(conn: Connection, link_hash: bytes, now: datetime) -> LoginLink | None:
    row = await conn.fetchrow(
        "SELECT merchants, scopes, expires_at, used_at FROM login_link WHERE hash = $1", link_hash
    )
    if row is None:
        return None
    is_usable = row["used_at"] is None and row["expires_at"] > now
    return LoginLink(link_hash, tuple(row["merchants"]), tuple(row["scopes"]), row["expires_at"], is_usable)


async def use_link(unit: Unit, link: LoginLink) -> bool:
    """Use the link up. Returns whether this was its first use."""
    await unit.conn.execute("DELETE FROM login_link WHERE expires_at < $1", unit.now - KEPT)
    values = link.hash, link.merchants, link.scopes, link.expires_at, unit.now
    return bool(await unit.conn.fetch(USE_LINK, *values))


async def add_link(unit: Unit, link_hash: bytes, merchant_id: str, scopes: Sequence[str], expires_at: datetime) -> None:
    """Save a link that is about to be emailed."""
    await unit.conn.execute(ADD_LINK, link_hash, [merchant_id], scopes, unit.now, expires_at)


async def delete_link(unit: Unit, link_hash: bytes) -> None:
    await unit.conn.execute("DELETE FROM login_link WHERE hash = $1", link_hash)


async def links_sent_since(conn: Connection, merchant_id: str, since: datetime) -> list[datetime]:
    """Return the times at which links were emailed to this merchant since then."""
    return [row["created_at"] for row in await conn.fetch(SENT_SINCE, merchant_id, since)]
