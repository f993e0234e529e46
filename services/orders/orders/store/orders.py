"""Source orders with their progress."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

import asyncpg
from pydantic import TypeAdapter

from common.contracts.problems import Code
from common.db.unit import Connection, Unit
from orders.domain.order import Order, RequestedAction
from orders.domain.progress import Progress, State
from orders.domain.source import Source
from orders.domain.taxes import MerchantTaxes
from orders.domain.timeline import Entry, TimelineEvent
from orders.sealing import Payload
from orders.store import timeline
from orders.store.payloads import CLEAR, Payloads

INSERT = """
INSERT INTO source_order (merchant_id, reference, source_id, received_at, next_attempt_at, channel, store, number,
    currency, units, total, placed_at, customer, payload, lines, charges)
VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::jsonb -> 'lines', $14::jsonb - 'lines')
ON CONFLICT DO NOTHING RETURNING arrival
"""

ROW = f"SELECT *, {CLEAR} AS clear FROM source_order WHERE merchant_id = $1"  # noqa: S608 - no value
FIND = f"{ROW} AND reference = ANY($2)"
SIZES = """
SELECT reference, coalesce(octet_length(payload), pg_column_size(lines)) AS size FROM source_order
WHERE merchant_id = $1 AND reference = ANY($2)
"""
FIND_AND_LOCK = f"{ROW} AND reference = $2 FOR UPDATE"
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
    revision = revision + 1, store = $3, number = $4, currency = $5, units = $6, total = $7, placed_at = $8,
    customer = $9, requested_action = $10, payload = $11, lines = $12::jsonb -> 'lines', charges = $12::jsonb - 'lines'
WHERE merchant_id = $1 AND reference = $2
"""  # noqa: S608 - names of fields, not values
RECEIVE_AGAIN = "UPDATE source_order SET received_at = $3, erased = false WHERE merchant_id = $1 AND reference = $2"


PORTION_BYTES = 1024 * 1024
"""Bytes of payloads of orders that are held in memory at once: a hundred of the usual size by far."""

_TAXES = TypeAdapter(MerchantTaxes)


@dataclass(frozen=True)
class StoredOrder:
    """An order and the problem that holds it."""

    order: Order
    held_problem: Code | None


@dataclass(frozen=True)
class Named:
    """An order with a given source id: its reference, and where it comes from, as stored."""

    reference: str
    channel: str
    store: str


async def insert(unit: Unit, payloads: Payloads, order: Order) -> bool:
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
        source.units,
        source.total,
        source.placed_at,
        order.customer,
        *await payloads.columns(unit, order),
    )
    if new:
        timeline.add(unit, order.merchant_id, order.reference, Entry(TimelineEvent.RECEIVED))
    return bool(new)


async def replace(unit: Unit, payloads: Payloads, before: Order, after: Order) -> None:
    """Put this order in the place of the one before, which must be locked."""
    source = after.source
    await unit.conn.execute(
        REPLACE,
        before.merchant_id,
        before.reference,
        source.store,
        source.number,
        source.currency,
        source.units,
        source.total,
        source.placed_at,
        after.customer,
        after.requested_action,
        *await payloads.columns(unit, after),
        *_values(after.progress),
    )


async def receive_again(unit: Unit, order: Order) -> None:
    """Note that the order was received now."""
    await unit.conn.execute(RECEIVE_AGAIN, order.merchant_id, order.reference, unit.now)


async def find(conn: Connection, payloads: Payloads, merchant_id: str, references: Collection[str]) -> list[Order]:
    """Return those of these orders that exist, in the order asked for. Raises NotOpened."""
    rows = await conn.fetch(FIND, merchant_id, list(references))
    found = {row["reference"]: _order(row, payloads.read(row)) for row in rows}
    return [found[each] for each in references if each in found]


async def portions(conn: Connection, merchant_id: str, references: Sequence[str]) -> list[list[str]]:
    """Divide these orders, in their sequence, so that the payloads of a portion together fit into memory easily."""
    if len(references) <= 1:
        return [list(references)]
    sizes = {row["reference"]: row["size"] for row in await conn.fetch(SIZES, merchant_id, list(references))}
    divided, size = [list[str]()], 0
    for each in references:
        size += sizes.get(each, 0)
        if size > PORTION_BYTES and divided[-1]:
            divided.append([])
            size = sizes.get(each, 0)
        divided[-1].append(each)
    return divided


async def find_and_lock(conn: Connection, payloads: Payloads, merchant_id: str, reference: str) -> StoredOrder | None:
    """Return the order and keep others from changing it before this transaction ends. Raises NotOpened."""
    row = await conn.fetchrow(FIND_AND_LOCK, merchant_id, reference)
    if row is None:
        return None
    return StoredOrder(_order(row, payloads.read(row)), Code(row["held_problem"]) if row["held_problem"] else None)


async def named(conn: Connection, merchant_id: str, source_id: str) -> list[Named]:
    """Return the orders with this source id, one per store, in order of arrival."""
    return [Named(**row) for row in await conn.fetch(NAMED, merchant_id, source_id)]


async def record(unit: Unit, before: Order, after: Progress) -> bool:
    """Write the order's progress. Returns False when it has left the state or revision in which it was read."""
    known = before.merchant_id, before.reference, before.progress.state, before.revision
    return bool(await unit.conn.fetch(RECORD, *known, *_values(after)))


async def request(unit: Unit, order: Order, action: RequestedAction) -> None:
    """Store the action that the source requested."""
    await unit.conn.execute(REQUEST, order.merchant_id, order.reference, action)


def _values(progress: Progress) -> list[Any]:
    """Return the columns of the progress, in the order of PROGRESS."""
    as_json = {
        "taxes": _TAXES.dump_json(progress.taxes).decode() if progress.taxes else None,
        "line_ids": json.dumps(progress.line_ids),
    }
    return [as_json[name] if name in as_json else getattr(progress, name) for name in PROGRESS]


def _order(row: asyncpg.Record, payload: Payload) -> Order:
    source = Source(
        channel=row["channel"],
        store=row["store"],
        number=row["number"],
        currency=row["currency"],
        total=row["total"],
        customer=None,
        placed_at=row["placed_at"],
        **payload.contents,
    )
    own: dict[str, Any] = {
        "state": State(row["state"]),
        "refused_skus": tuple(row["refused_skus"]),
        "taxes": _TAXES.validate_json(row["taxes"]) if row["taxes"] else None,
        "line_ids": json.loads(row["line_ids"]),
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
        is_erased=row["erased"],
        body_digest=payload.body_digest,
    )
