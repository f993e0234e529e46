"""Held orders that reach their age limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common.db.unit import Connection, Unit
from common.work import table
from orders.domain.progress import State
from orders.domain.timeline import Entry, TimelineEvent
from orders.kinds import PUSH_ORDER
from orders.store import timeline

PORTION = 100
"""Orders that expire in one transaction."""

# An order of which something may be in Clover does not expire: it must be brought to its end there.
AGED = """
FROM source_order WHERE merchant_id = $1 AND held_problem IS NOT NULL AND clover_order_id IS NULL AND sending IS NULL
    AND received_at < $2
"""
# FOR UPDATE looks at a row again that another transaction has just released, or begun to send.
EXPIRE = f"""
WITH aged AS (SELECT reference {AGED} ORDER BY arrival LIMIT $5 FOR UPDATE)
UPDATE source_order SET state = $3, reason = $4, held_problem = NULL, held_reason = NULL, next_attempt_at = NULL
FROM aged WHERE merchant_id = $1 AND source_order.reference = aged.reference
RETURNING source_order.reference, channel, store, source_id
"""  # noqa: S608 - a part of the statement, not a value
EXPIRING = f"SELECT count(*) AS count, min(received_at) AS first, min(number) AS number {AGED}"


@dataclass(frozen=True)
class Expired:
    """An order that has expired."""

    reference: str
    channel: str
    store: str
    source_id: str


@dataclass(frozen=True)
class Expiring:
    """The orders that expire soon: their number, when the first was received, and the number of one of them."""

    count: int
    first: datetime | None
    number: str | None


async def expire(unit: Unit, merchant_id: str, before: datetime, reason: str) -> Sequence[Expired]:
    """End the held orders that were received before this time, at most PORTION of them, and return them."""
    rows = await unit.conn.fetch(EXPIRE, merchant_id, before, State.EXPIRED, reason, PORTION)
    expired = [Expired(**row) for row in rows]
    for each in expired:
        timeline.add(unit, merchant_id, each.reference, Entry(TimelineEvent.EXPIRED, reason))
    for each in sorted(expired, key=lambda order: order.reference):
        await table.drop(unit, merchant_id, PUSH_ORDER, each.reference)
    return expired


async def expiring(conn: Connection, merchant_id: str, before: datetime) -> Expiring:
    """Return the held orders that were received before this time."""
    [row] = await conn.fetch(EXPIRING, merchant_id, before)
    return Expiring(**row)
