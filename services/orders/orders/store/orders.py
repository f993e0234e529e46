"""Source orders with their progress, and the lists that the API shows."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import asyncpg

from common.contracts.problems import Code
from common.db.unit import Connection, Unit
from common.work import table
from orders.domain.order import Order, OrderStatus, RequestedAction
from orders.domain.progress import Progress, State
from orders.domain.source import Line, Source
from orders.domain.timeline import Entry, TimelineEvent
from orders.kinds import PUSH_ORDER
from orders.store import timeline

INSERT = """
INSERT INTO source_order (merchant_id, source_id, received_at, next_attempt_at, channel, store, number, currency,
    lines, total, placed_at, customer, reference)
VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING arrival
"""

FIND = "SELECT * FROM source_order WHERE merchant_id = $1 AND source_id = ANY($2)"
FIND_AND_LOCK = "SELECT * FROM source_order WHERE merchant_id = $1 AND source_id = $2 FOR UPDATE"

PROGRESS = [field.name for field in fields(Progress)]

# Only from the state in which it was read: a cancellation may have come in between.
RECORD = f"""
UPDATE source_order SET {", ".join(f"{name} = ${place}" for place, name in enumerate(PROGRESS, start=4))}
WHERE merchant_id = $1 AND source_id = $2 AND state = $3 RETURNING true
"""  # noqa: S608 - names of fields, not values
REQUEST = "UPDATE source_order SET requested_action = $3 WHERE merchant_id = $1 AND source_id = $2"

LIST = "SELECT * FROM source_order WHERE merchant_id = $1 AND arrival > $2 ORDER BY arrival LIMIT $3"
LIST_BY_STATUS = """
SELECT * FROM source_order WHERE merchant_id = $1 AND arrival > $2 AND status = $4 ORDER BY arrival LIMIT $3
"""

ANY_HELD = "SELECT EXISTS (SELECT FROM source_order WHERE merchant_id = $1 AND held_problem = ANY($2))"
SCHEDULE = """
UPDATE source_order SET held_problem = new.problem, held_reason = new.reason, next_attempt_at = new.due_at
FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS new (source_id, problem, reason, due_at)
WHERE merchant_id = $1 AND source_order.source_id = new.source_id
"""
CLEAR_HELD = """
UPDATE source_order SET held_problem = NULL, held_reason = NULL, next_attempt_at = $3
WHERE merchant_id = $1 AND held_problem = $2
"""


@dataclass(frozen=True)
class Schedule:
    """When an order is attempted next, or the problem that holds it. Neither when nothing is left to do."""

    source_id: str
    problem: Code | None = None
    reason: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True)
class StoredOrder:
    """An order with its status and schedule. `arrival` grows in the order in which orders were received."""

    order: Order
    arrival: int
    received_at: datetime
    status: OrderStatus
    held_problem: Code | None
    held_reason: str | None
    next_attempt_at: datetime | None


async def insert(unit: Unit, order: Order) -> bool:
    """Store a new order. Returns False when its id or its reference is taken."""
    source = order.source
    new = await unit.conn.fetch(
        INSERT,
        order.merchant_id,
        order.source_id,
        unit.now,
        source.channel,
        source.store,
        source.number,
        source.currency,
        json.dumps([asdict(line) for line in source.lines]),
        source.total,
        source.placed_at,
        order.customer,
        order.reference,
    )
    if new:
        timeline.add(unit, order.merchant_id, order.source_id, Entry(TimelineEvent.RECEIVED))
    return bool(new)


async def find(conn: Connection, merchant_id: str, source_ids: Collection[str]) -> list[Order]:
    """Return those of these orders that exist, in the order asked for."""
    rows = await conn.fetch(FIND, merchant_id, list(source_ids))
    found = {row["source_id"]: _order(row) for row in rows}
    return [found[each] for each in source_ids if each in found]


async def find_and_lock(conn: Connection, merchant_id: str, source_id: str) -> StoredOrder | None:
    """Return the order and keep others from changing it before this transaction ends."""
    row = await conn.fetchrow(FIND_AND_LOCK, merchant_id, source_id)
    return _stored(row) if row else None


async def show(conn: Connection, merchant_id: str, source_id: str) -> StoredOrder | None:
    """Return the order with its status."""
    rows = await conn.fetch(FIND, merchant_id, [source_id])
    return _stored(rows[0]) if rows else None


async def page(
    conn: Connection, merchant_id: str, status: OrderStatus | None, after: int, limit: int
) -> Sequence[StoredOrder]:
    """Return the merchant's orders in this status, or all, in order of arrival, starting after `after`."""
    if status is None:
        rows = await conn.fetch(LIST, merchant_id, after, limit)
    else:
        rows = await conn.fetch(LIST_BY_STATUS, merchant_id, after, limit, status)
    return [_stored(row) for row in rows]


async def record(unit: Unit, before: Order, after: Progress) -> bool:
    """Write the order's progress. Returns False when it has left the state in which it was read."""
    values = [getattr(after, name) for name in PROGRESS]
    recorded = await unit.conn.fetch(RECORD, before.merchant_id, before.source_id, before.progress.state, *values)
    return bool(recorded)


async def request(unit: Unit, order: Order, action: RequestedAction) -> None:
    """Store the action that the source requested."""
    await unit.conn.execute(REQUEST, order.merchant_id, order.source_id, action)


async def schedule(unit: Unit, merchant_id: str, schedules: Iterable[Schedule]) -> None:
    """Write when these orders are attempted next, or what holds them."""
    by_key = sorted(schedules, key=lambda each: each.source_id)
    await unit.conn.execute(
        SCHEDULE,
        merchant_id,
        [each.source_id for each in by_key],
        [each.problem for each in by_key],
        [each.reason for each in by_key],
        [each.due_at for each in by_key],
    )


async def attempt_now(unit: Unit, order: Order) -> None:
    """Queue the order for an attempt now, held or not."""
    await schedule(unit, order.merchant_id, [Schedule(order.source_id, due_at=unit.now)])
    if not await table.retry(unit, order.merchant_id, PUSH_ORDER, order.source_id):
        unit.mark(PUSH_ORDER, order.merchant_id, order.source_id)


async def unqueue(unit: Unit, order: Order) -> None:
    """Drop the order from the queue, as nothing is left to do."""
    await schedule(unit, order.merchant_id, [Schedule(order.source_id)])
    await table.drop(unit, order.merchant_id, PUSH_ORDER, order.source_id)


async def clear_held(unit: Unit, merchant_id: str, problem: Code) -> None:
    """Show the orders held by this problem as due. Run before the engine releases them: own rows are locked first."""
    await unit.conn.execute(CLEAR_HELD, merchant_id, problem, unit.now)


async def release(unit: Unit, merchant_id: str, problem: Code) -> int:
    """Attempt the orders held by this problem again, oldest first. Returns their number."""
    await clear_held(unit, merchant_id, problem)
    return await table.release(unit, merchant_id, problem)


async def any_held(conn: Connection, merchant_id: str, problems: Sequence[Code]) -> bool:
    """Return whether one of these problems holds an order of the merchant."""
    return bool(await conn.fetchval(ANY_HELD, merchant_id, list(problems)))


def _order(row: asyncpg.Record) -> Order:
    source = Source(
        channel=row["channel"],
        store=row["store"],
        number=row["number"],
        currency=row["currency"],
        lines=tuple(Line(**line) for line in json.loads(row["lines"])),
        total=row["total"],
        customer=None,
        placed_at=row["placed_at"],
    )
    progress: Mapping[str, Any] = {name: row[name] for name in PROGRESS} | {"state": State(row["state"])}
    action = row["requested_action"]
    return Order(
        merchant_id=row["merchant_id"],
        source_id=row["source_id"],
        reference=row["reference"],
        source=source,
        customer=row["customer"],
        requested_action=RequestedAction(action) if action else None,
        progress=Progress(**progress),
    )


def _stored(row: asyncpg.Record) -> StoredOrder:
    return StoredOrder(
        order=_order(row),
        arrival=row["arrival"],
        received_at=row["received_at"],
        status=OrderStatus(row["status"]),
        held_problem=Code(row["held_problem"]) if row["held_problem"] else None,
        held_reason=row["held_reason"],
        next_attempt_at=row["next_attempt_at"],
    )
