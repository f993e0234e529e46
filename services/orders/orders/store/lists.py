"""Orders as the API shows them, one by one and in pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common.db.unit import Connection
from orders.domain.order import Order, OrderStatus, RequestedAction

SHOWN = """
SELECT arrival, reference, source_id, channel, store, number, currency, total, units, placed_at, received_at, status,
    requested_action, attempts, clover_order_id, reason, held_problem, held_reason, next_attempt_at
FROM source_order WHERE merchant_id = $1
"""
SHOW = f"{SHOWN} AND reference = $2"
LIST = f"{SHOWN} AND arrival > $2 ORDER BY arrival LIMIT $3"
LIST_BY_STATUS = f"{SHOWN} AND arrival > $2 AND status = $4 ORDER BY arrival LIMIT $3"


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
