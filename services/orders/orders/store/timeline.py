"""The timelines of orders."""

from dataclasses import dataclass
from datetime import datetime

from common.db.unit import Connection, Unit
from orders.domain.timeline import Entry, TimelineEvent

INSERT = "INSERT INTO timeline (merchant_id, reference, at, event, detail) VALUES ($1, $2, $3, $4, $5)"
FIND = "SELECT at, event, detail FROM timeline WHERE merchant_id = $1 AND reference = $2 ORDER BY id"


@dataclass(frozen=True)
class StoredEntry:
    """One line of an order's timeline."""

    at: datetime
    event: TimelineEvent
    detail: str


def add(unit: Unit, merchant_id: str, reference: str, entry: Entry) -> None:
    """Add a line to the order's timeline."""
    unit.write(INSERT, merchant_id, reference, unit.now, entry.event, entry.detail)


async def find(conn: Connection, merchant_id: str, reference: str) -> list[StoredEntry]:
    """Return the order's timeline, oldest first."""
    rows = await conn.fetch(FIND, merchant_id, reference)
    return [StoredEntry(at=row["at"], event=TimelineEvent(row["event"]), detail=row["detail"]) for row in rows]
