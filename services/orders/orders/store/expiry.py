"""Held orders that reach their age limit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.db.unit import Connection, Priority, Unit
from common.work import table
from orders.domain.progress import State
from orders.domain.timeline import Entry, TimelineEvent
from orders.kinds import ANNOUNCE_EXPIRY, PUSH_ORDER
from orders.store import timeline

PORTION = 100
"""Orders that expire, or begin to be announced, in one transaction."""

# An order of which something may be in Clover does not expire: it must be brought to its end there.
IS_AGED = "held_problem IS NOT NULL AND clover_order_id IS NULL AND sending IS NULL AND received_at < $2"
AGED = f"FROM source_order WHERE merchant_id = $1 AND {IS_AGED}"
# FOR UPDATE looks at a row again that another transaction has just released, or begun to send.
EXPIRE = f"""
WITH aged AS (SELECT reference {AGED} ORDER BY arrival LIMIT $5 FOR UPDATE)
UPDATE source_order SET state = $3, reason = $4, held_problem = NULL, held_reason = NULL, next_attempt_at = NULL,
    expiry_announced = true
FROM aged WHERE merchant_id = $1 AND source_order.reference = aged.reference
RETURNING source_order.reference, channel, store, source_id
"""  # noqa: S608 - a part of the statement, not a value
ANNOUNCE = f"""
WITH aged AS (SELECT reference {AGED} AND NOT expiry_announced ORDER BY arrival LIMIT $3 FOR UPDATE)
UPDATE source_order SET expiry_announced = true FROM aged
WHERE merchant_id = $1 AND source_order.reference = aged.reference RETURNING source_order.reference
"""  # noqa: S608
EXPIRING = f"""
SELECT reference, number, received_at, {IS_AGED} AS expires, state IN ('cancelled', 'expired') AS is_over
FROM source_order WHERE merchant_id = $1 AND reference = ANY($3)
"""  # noqa: S608
ANNOUNCED = "SELECT reference FROM source_order WHERE merchant_id = $1 AND expiry_announced ORDER BY arrival LIMIT 1000"
END_ANNOUNCEMENT = """
WITH ended AS (
    SELECT reference FROM source_order WHERE merchant_id = $1 AND reference = ANY($2) ORDER BY reference FOR UPDATE
)
UPDATE source_order SET expiry_announced = false FROM ended
WHERE merchant_id = $1 AND source_order.reference = ended.reference
"""


@dataclass(frozen=True)
class Expired:
    """An order that has expired."""

    reference: str
    channel: str
    store: str
    source_id: str


@dataclass(frozen=True)
class Expiring:
    """An order whose expiry is announced: whether it still `expires`, and if not, whether it ended unsent."""

    reference: str
    number: str
    received_at: datetime
    expires: bool
    is_over: bool


async def expire(unit: Unit, merchant_id: str, before: datetime, reason: str) -> Sequence[Expired]:
    """End the held orders that were received before this time, at most PORTION of them, and return them."""
    rows = await unit.conn.fetch(EXPIRE, merchant_id, before, State.EXPIRED, reason, PORTION)
    expired = [Expired(**row) for row in rows]
    for each in expired:
        timeline.add(unit, merchant_id, each.reference, Entry(TimelineEvent.EXPIRED, reason))
    for each in sorted(expired, key=lambda order: order.reference):
        await table.drop(unit, merchant_id, PUSH_ORDER, each.reference)
    unit.mark(ANNOUNCE_EXPIRY, merchant_id, [each.reference for each in expired], priority=Priority.BULK)
    return expired


async def announce(unit: Unit, merchant_id: str, before: datetime) -> list[str]:
    """Mark held orders from before this time as announced, at most PORTION of those that were not, and return them."""
    return [row["reference"] for row in await unit.conn.fetch(ANNOUNCE, merchant_id, before, PORTION)]


async def expiring(conn: Connection, merchant_id: str, before: datetime, references: Collection[str]) -> list[Expiring]:
    """Return these orders; those that are still held and were received before this time expire."""
    return [Expiring(**row) for row in await conn.fetch(EXPIRING, merchant_id, before, list(references))]


async def announced(conn: Connection, merchant_id: str) -> list[str]:
    """Return the orders whose expiry is announced, the oldest thousand of them."""
    return [row["reference"] for row in await conn.fetch(ANNOUNCED, merchant_id)]


async def end_announcement(unit: Unit, merchant_id: str, references: Sequence[str]) -> None:
    """Note that these orders do not expire any more."""
    await unit.conn.execute(END_ANNOUNCEMENT, merchant_id, list(references))
