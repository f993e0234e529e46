"""Source orders with their progress, and the lists that the API shows."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import asyncpg
from pydantic import BaseModel, TypeAdapter

from common.contracts.problems import Code
from common.db.unit import Connection, Unit
from common.work import table
from orders.domain.order import Order, OrderStatus, RequestedAction
from orders.domain.progress import Progress, State
from orders.domain.source import Amount, Discount, Extra, Line, Payment, Source, Tax
from orders.domain.taxes import MerchantTaxes
from orders.domain.timeline import Entry, TimelineEvent
from orders.kinds import PUSH_ORDER, RELEASE_HELD
from orders.store import timeline

INSERT = """
INSERT INTO source_order (merchant_id, reference, source_id, received_at, next_attempt_at, channel, store, number,
    currency, lines, units, total, placed_at, customer, charges)
VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING RETURNING arrival
"""

FIND = "SELECT * FROM source_order WHERE merchant_id = $1 AND reference = ANY($2)"
FIND_AND_LOCK = "SELECT * FROM source_order WHERE merchant_id = $1 AND reference = $2 FOR UPDATE"
NAMED = """
SELECT reference, channel, store FROM source_order WHERE merchant_id = $1 AND source_id = $2 ORDER BY arrival LIMIT 50
"""

PROGRESS = [field.name for field in fields(Progress)]

# Only from the state and revision in which it was read: a cancellation or a correction may have come in between.
RECORD = f"""
UPDATE source_order SET {", ".join(f"{name} = ${place}" for place, name in enumerate(PROGRESS, start=5))}
WHERE merchant_id = $1 AND reference = $2 AND state = $3 AND revision = $4 RETURNING true
"""  # noqa: S608 - names of fields, not values
REQUEST = "UPDATE source_order SET requested_action = $3 WHERE merchant_id = $1 AND reference = $2"
REPLACE = f"""
UPDATE source_order SET {", ".join(f"{name} = ${place}" for place, name in enumerate(PROGRESS, start=13))},
    revision = revision + 1, store = $3, number = $4, currency = $5, lines = $6, units = $7, total = $8,
    placed_at = $9, customer = $10, requested_action = $11, charges = $12
WHERE merchant_id = $1 AND reference = $2
"""  # noqa: S608 - names of fields, not values
RECEIVE_AGAIN = "UPDATE source_order SET received_at = $3 WHERE merchant_id = $1 AND reference = $2"

SHOWN = """
SELECT arrival, reference, source_id, channel, store, number, currency, total, units, placed_at, received_at, status,
    requested_action, attempts, clover_order_id, reason, held_problem, held_reason, next_attempt_at
FROM source_order WHERE merchant_id = $1
"""
SHOW = f"{SHOWN} AND reference = $2"
LIST = f"{SHOWN} AND arrival > $2 ORDER BY arrival LIMIT $3"
LIST_BY_STATUS = f"{SHOWN} AND arrival > $2 AND status = $4 ORDER BY arrival LIMIT $3"

COUNT_HELD = """
SELECT held_problem, count(*) AS held FROM source_order
WHERE merchant_id = $1 AND held_problem IS NOT NULL GROUP BY held_problem ORDER BY held_problem
"""
ANY_HELD = "SELECT EXISTS (SELECT FROM source_order WHERE merchant_id = $1 AND held_problem = ANY($2))"
SCHEDULE = """
UPDATE source_order SET held_problem = new.problem, held_reason = new.reason, next_attempt_at = new.due_at
FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS new (reference, problem, reason, due_at)
WHERE merchant_id = $1 AND source_order.reference = new.reference
"""
RELEASE_PORTION = """
WITH portion AS (
    SELECT reference FROM source_order WHERE merchant_id = $1 AND held_problem = $2
    ORDER BY arrival LIMIT $4 FOR UPDATE
)
UPDATE source_order SET held_problem = NULL, held_reason = NULL, next_attempt_at = $3 FROM portion
WHERE merchant_id = $1 AND source_order.reference = portion.reference RETURNING source_order.reference
"""
PORTION = 500
"""Orders released at once: a few minutes of calls, written in well under a second."""


class Charges(BaseModel):
    """The fields of a source that are stored together as JSON; older orders have none of them."""

    discounts: tuple[Discount, ...] = ()
    shipping: tuple[Extra, ...] = ()
    fees: tuple[Extra, ...] = ()
    taxes: tuple[Tax, ...] = ()
    tips: tuple[Payment, ...] = ()
    rounding: Amount = 0
    payments: tuple[Payment, ...] | None = None
    refunds: tuple[Payment, ...] = ()


_LINES = TypeAdapter(tuple[Line, ...])
_TAXES = TypeAdapter(MerchantTaxes)


@dataclass(frozen=True)
class Schedule:
    """When an order is attempted next, or the problem that holds it. Neither when nothing is left to do.

    Without a problem, `reason` says what the order waits for.
    """

    reference: str
    problem: Code | None = None
    reason: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True)
class StoredOrder:
    """An order and the problem that holds it."""

    order: Order
    held_problem: Code | None


@dataclass(frozen=True)
class ShownOrder:
    """An order as the API shows it, without its lines. `arrival` grows in the order in which orders were received."""

    arrival: int
    reference: str
    source_id: str
    channel: str
    store: str
    number: str
    currency: str
    total: int
    units: int
    placed_at: datetime | None
    received_at: datetime
    status: OrderStatus
    requested_action: RequestedAction | None
    attempts: int
    clover_order_id: str | None
    reason: str | None
    held_problem: str | None
    held_reason: str | None
    next_attempt_at: datetime | None


@dataclass(frozen=True)
class Named:
    """An order with a given source id: its reference, and where it comes from, as stored."""

    reference: str
    channel: str
    store: str


async def insert(unit: Unit, order: Order) -> bool:
    """Store a new order. Returns False when its reference is taken."""
    source = order.source
    new = await unit.conn.fetch(
        INSERT,
        order.merchant_id,
        order.reference,
        order.source_id,
        unit.now,
        source.channel,
        source.store,
        source.number,
        source.currency,
        _lines(source),
        source.units,
        source.total,
        source.placed_at,
        order.customer,
        _charges(source),
    )
    if new:
        timeline.add(unit, order.merchant_id, order.reference, Entry(TimelineEvent.RECEIVED))
    return bool(new)


async def replace(unit: Unit, before: Order, after: Order) -> None:
    """Put this order in the place of the one before, which must be locked."""
    source = after.source
    await unit.conn.execute(
        REPLACE,
        before.merchant_id,
        before.reference,
        source.store,
        source.number,
        source.currency,
        _lines(source),
        source.units,
        source.total,
        source.placed_at,
        after.customer,
        after.requested_action,
        _charges(source),
        *_values(after.progress),
    )


async def receive_again(unit: Unit, order: Order) -> None:
    """Note that the order was received now."""
    await unit.conn.execute(RECEIVE_AGAIN, order.merchant_id, order.reference, unit.now)


async def find(conn: Connection, merchant_id: str, references: Collection[str]) -> list[Order]:
    """Return those of these orders that exist, in the order asked for."""
    rows = await conn.fetch(FIND, merchant_id, list(references))
    found = {row["reference"]: _order(row) for row in rows}
    return [found[each] for each in references if each in found]


async def find_and_lock(conn: Connection, merchant_id: str, reference: str) -> StoredOrder | None:
    """Return the order and keep others from changing it before this transaction ends."""
    row = await conn.fetchrow(FIND_AND_LOCK, merchant_id, reference)
    if row is None:
        return None
    return StoredOrder(_order(row), Code(row["held_problem"]) if row["held_problem"] else None)


async def named(conn: Connection, merchant_id: str, source_id: str) -> list[Named]:
    """Return the orders with this source id, one per store, in order of arrival."""
    return [Named(**row) for row in await conn.fetch(NAMED, merchant_id, source_id)]


async def show(conn: Connection, merchant_id: str, reference: str) -> ShownOrder | None:
    """Return the order as the API shows it."""
    row = await conn.fetchrow(SHOW, merchant_id, reference)
    return ShownOrder(**row) if row else None


def shown_new(order: Order, at: datetime) -> ShownOrder:
    """Return an order as the API shows it right after it was inserted at this moment; no page lists it yet."""
    source = order.source
    return ShownOrder(
        arrival=0,
        reference=order.reference,
        source_id=order.source_id,
        channel=source.channel,
        store=source.store,
        number=source.number,
        currency=source.currency,
        total=source.total,
        units=source.units,
        placed_at=source.placed_at,
        received_at=at,
        status=OrderStatus.READY,
        requested_action=None,
        attempts=0,
        clover_order_id=None,
        reason=None,
        held_problem=None,
        held_reason=None,
        next_attempt_at=at,
    )


async def page(
    conn: Connection, merchant_id: str, status: OrderStatus | None, after: int, limit: int
) -> Sequence[ShownOrder]:
    """Return the merchant's orders in this status, or all, in order of arrival, starting after `after`."""
    if status is None:
        rows = await conn.fetch(LIST, merchant_id, after, limit)
    else:
        rows = await conn.fetch(LIST_BY_STATUS, merchant_id, after, limit, status)
    return [ShownOrder(**row) for row in rows]


async def record(unit: Unit, before: Order, after: Progress) -> bool:
    """Write the order's progress. Returns False when it has left the state or revision in which it was read."""
    known = before.merchant_id, before.reference, before.progress.state, before.revision
    return bool(await unit.conn.fetch(RECORD, *known, *_values(after)))


async def request(unit: Unit, order: Order, action: RequestedAction) -> None:
    """Store the action that the source requested."""
    await unit.conn.execute(REQUEST, order.merchant_id, order.reference, action)


async def schedule(unit: Unit, merchant_id: str, schedules: Iterable[Schedule]) -> None:
    """Write when these orders are attempted next, or what holds them."""
    by_key = sorted(schedules, key=lambda each: each.reference)
    await unit.conn.execute(
        SCHEDULE,
        merchant_id,
        [each.reference for each in by_key],
        [each.problem for each in by_key],
        [each.reason for each in by_key],
        [each.due_at for each in by_key],
    )


async def attempt_now(unit: Unit, order: Order) -> None:
    """Queue the order for an attempt now, held or not."""
    await schedule(unit, order.merchant_id, [Schedule(order.reference, due_at=unit.now)])
    if not await table.retry(unit, order.merchant_id, PUSH_ORDER, order.reference):
        unit.mark(PUSH_ORDER, order.merchant_id, order.reference)


async def unqueue(unit: Unit, order: Order) -> None:
    """Drop the order from the queue, as nothing is left to do."""
    await schedule(unit, order.merchant_id, [Schedule(order.reference)])
    await table.drop(unit, order.merchant_id, PUSH_ORDER, order.reference)


async def release(unit: Unit, merchant_id: str, problem: Code) -> int:
    """Attempt the orders held by this problem again, oldest first. Returns the number of those that are due now.

    A hundred thousand orders are not made due in one transaction: the first portion is, and `release_held` makes the
    next one due when these have gone.
    """
    released = await release_portion(unit, merchant_id, problem)
    await table.release(unit, merchant_id, problem, without=PUSH_ORDER)
    if released == PORTION:
        unit.mark(RELEASE_HELD, merchant_id, problem)
    return released


async def release_portion(unit: Unit, merchant_id: str, problem: Code) -> int:
    """Make the oldest orders held by this problem due, at most PORTION of them, and return their number."""
    # Own rows are locked before the engine's, as in every other transaction.
    rows = await unit.conn.fetch(RELEASE_PORTION, merchant_id, problem, unit.now, PORTION)
    if rows:
        keys = [row["reference"] for row in rows]
        await table.release_keys(unit, merchant_id, problem, PUSH_ORDER, keys)
    return len(rows)


async def count_held(conn: Connection, merchant_id: str) -> dict[Code, int]:
    """Return how many of the merchant's orders each problem holds."""
    return {Code(row["held_problem"]): row["held"] for row in await conn.fetch(COUNT_HELD, merchant_id)}


async def any_held(conn: Connection, merchant_id: str, problems: Sequence[Code]) -> bool:
    """Return whether one of these problems holds an order of the merchant."""
    return bool(await conn.fetchval(ANY_HELD, merchant_id, list(problems)))


def _lines(source: Source) -> str:
    return _LINES.dump_json(source.lines, exclude_defaults=True).decode()


def _charges(source: Source) -> str:
    return Charges(**{name: getattr(source, name) for name in Charges.model_fields}).model_dump_json()


def _values(progress: Progress) -> list[Any]:
    """Return the columns of the progress, in the order of PROGRESS."""
    taxes = _TAXES.dump_json(progress.taxes).decode() if progress.taxes else None
    return [taxes if name == "taxes" else getattr(progress, name) for name in PROGRESS]


def _order(row: asyncpg.Record) -> Order:
    source = Source(
        channel=row["channel"],
        store=row["store"],
        number=row["number"],
        currency=row["currency"],
        lines=_LINES.validate_json(row["lines"]),
        total=row["total"],
        customer=None,
        placed_at=row["placed_at"],
        **dict(Charges.model_validate_json(row["charges"])),
    )
    own: dict[str, Any] = {
        "state": State(row["state"]),
        "refused_skus": tuple(row["refused_skus"]),
        "taxes": _TAXES.validate_json(row["taxes"]) if row["taxes"] else None,
    }
    progress: dict[str, Any] = {name: row[name] for name in PROGRESS} | own
    action = row["requested_action"]
    return Order(
        merchant_id=row["merchant_id"],
        source_id=row["source_id"],
        reference=row["reference"],
        source=source,
        customer=row["customer"],
        requested_action=RequestedAction(action) if action else None,
        progress=Progress(**progress),
        received_at=row["received_at"],
        revision=row["revision"],
    )
