"""The sealed values of the connections, by the keys that sealed them: bytes 2 to 5 of a value name its key."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from common.db.unit import Connection

STALE = """
SELECT merchant_id, sealed_token, sealed_refresh_token, sealed_email FROM connection
WHERE merchant_id > $1 AND (substr(sealed_email, 2, 4) <> $2 OR substr(sealed_token, 2, 4) <> $2
    OR substr(sealed_refresh_token, 2, 4) <> $2)
ORDER BY merchant_id LIMIT $3 FOR UPDATE SKIP LOCKED
"""
SAVE = """
UPDATE connection SET sealed_token = new.sealed_token, sealed_refresh_token = new.sealed_refresh_token,
    sealed_email = new.sealed_email
FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[])
    AS new (merchant_id, sealed_token, sealed_refresh_token, sealed_email)
WHERE connection.merchant_id = new.merchant_id
"""
COUNTS = """
SELECT encode(substr(value, 2, 4), 'hex') AS key, count(*) AS values
FROM connection CROSS JOIN LATERAL unnest(ARRAY[sealed_token, sealed_refresh_token, sealed_email]) AS value
WHERE value IS NOT NULL GROUP BY 1
"""


@dataclass(frozen=True)
class SealedSecrets:
    """The sealed values of one connection."""

    merchant_id: str
    sealed_token: bytes | None = field(repr=False)
    sealed_refresh_token: bytes | None = field(repr=False)
    sealed_email: bytes = field(repr=False)


async def stale(conn: Connection, after: str, key_id: bytes, limit: int) -> list[SealedSecrets]:
    """Lock and return connections of merchants after this one that have values of other keys."""
    return [SealedSecrets(**row) for row in await conn.fetch(STALE, after, key_id, limit)]


async def save(conn: Connection, rows: Sequence[SealedSecrets]) -> None:
    """Replace the values of locked connections."""
    await conn.execute(
        SAVE,
        [each.merchant_id for each in rows],
        [each.sealed_token for each in rows],
        [each.sealed_refresh_token for each in rows],
        [each.sealed_email for each in rows],
    )


async def counts(conn: Connection) -> dict[str, int]:
    """Return the number of values that each key has sealed, by the hexadecimal id of the key."""
    return {row["key"]: row["values"] for row in await conn.fetch(COUNTS)}
