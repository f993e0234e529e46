"""When orders are attempted next, and the problems that hold them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.contracts.problems import Code
from common.db.unit import Connection, Unit
from common.work import table
from orders.domain.order import Order
from orders.domain.timeline import Entry, TimelineEvent
from orders.kinds import PUSH_ORDER, RELEASE_HELD
from orders.store import timeline

COUNT_HELD = """
SELECT held_problem, count(*) AS held FROM source_order
WHERE merchant_id = $1 AND held_problem IS NOT NULL GROUP BY held_problem ORDER BY held_problem
"""
ANY_HELD = "SELECT EXISTS (SELECT FROM source_order WHERE merchant_id = $1 AND held_problem = ANY($2))"
# Rows are locked by their keys first, and the problem of before is returned for the timeline.
SCHEDULE = """
WITH before AS (
    SELECT reference, held_problem FROM source_order WHERE merchant_id = $1 AND reference = ANY($2)
    ORDER BY reference FOR UPDATE
)
UPDATE source_order SET held_problem = new.problem, held_reason = new.reason, next_attempt_at = new.due_at
FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS new (reference, problem, reason, due_at)
JOIN before USING (reference)
WHERE merchant_id = $1 AND source_order.reference = new.reference
RETURNING source_order.reference, before.held_problem AS problem_before
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

ON_THE_TIMELINE = {Code.ORDER_REJECTED, Code.CANCELLATION_REFUSED}
"""Problems whose timelines have an event of their own: `rejected`, `cancel_refused`, then `retried`."""


@dataclass(frozen=True)
class Schedule:
    """When an order is attempted next, or the problem that holds it. Neither when nothing is left to do.

    Without a problem, `reason` says why the order waits.
    """

    reference: str
    problem: Code | None = None
    reason: str | None = None
    due_at: datetime | None = None


async def schedule(unit: Unit, merchant_id: str, schedules: Iterable[Schedule]) -> None:
    """Write when these orders are attempted next, or which problem holds them, also on their timelines."""
    by_key = {each.reference: each for each in schedules}
    rows = await unit.conn.fetch(
        SCHEDULE,
        merchant_id,
        list(by_key),
        [each.problem for each in by_key.values()],
        [each.reason for each in by_key.values()],
        [each.due_at for each in by_key.values()],
    )
    for row in rows:
        entry = change_of_hold(row["problem_before"], by_key[row["reference"]])
        if entry is not None:
            timeline.add(unit, merchant_id, row["reference"], entry)


def change_of_hold(before: str | None, now: Schedule) -> Entry | None:
    """Return the timeline entry of an order that another problem holds now, or none any more."""
    if now.problem == before or now.problem in ON_THE_TIMELINE:
        return None
    if now.problem is not None:
        return Entry(TimelineEvent.HELD, f"{now.problem}: {now.reason}" if now.reason else now.problem)
    is_due = now.due_at is not None
    return Entry(TimelineEvent.RESUMED, before or "") if is_due and before not in ON_THE_TIMELINE else None


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
        for key in keys:
            timeline.add(unit, merchant_id, key, Entry(TimelineEvent.RESUMED, problem))
        await table.release_keys(unit, merchant_id, problem, PUSH_ORDER, keys)
    return len(rows)


async def count_held(conn: Connection, merchant_id: str) -> dict[Code, int]:
    """Return how many of the merchant's orders each problem holds."""
    return {Code(row["held_problem"]): row["held"] for row in await conn.fetch(COUNT_HELD, merchant_id)}


async def any_held(conn: Connection, merchant_id: str, problems: Sequence[Code]) -> bool:
    """Return whether one of these problems holds an order of the merchant."""
    return bool(await conn.fetchval(ANY_HELD, merchant_id, list(problems)))
