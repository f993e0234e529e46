"""The merchants' contacts, as catalog last gave them."""

from dataclasses import dataclass
from datetime import datetime

from common.db.unit import Connection, Unit

SAVE_CONTACT = """
INSERT INTO contact (merchant_id, email, name, fetched_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id) DO UPDATE SET
    email = excluded.email, name = excluded.name, fetched_at = excluded.fetched_at
"""


@dataclass(frozen=True)
class StoredContact:
    """A merchant's contact. `email` is sealed."""

    email: bytes
    name: str
    fetched_at: datetime


async def find_contact(conn: Connection, merchant_id: str) -> StoredContact | None:
    row = await conn.fetchrow("SELECT email, name, fetched_at FROM contact WHERE merchant_id = $1", merchant_id)
    return StoredContact(**row) if row else None


async def save_contact(unit: Unit, merchant_id: str, email: bytes, name: str) -> None:
    await unit.conn.execute(SAVE_CONTACT, merchant_id, email, name, unit.now)


async def delete_contact(unit: Unit, merchant_id: str) -> None:
    await unit.conn.execute("DELETE FROM contact WHERE merchant_id = $1", merchant_id)
