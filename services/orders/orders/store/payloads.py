"""The payloads of orders: sealed, or in the clear as the release before stores them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from common.db.unit import Connection, Unit
from common.seal import Sealer
from orders.domain.order import Order
from orders.sealing import Payload, open_payload, seal_payload

SEALS_FROM = "SELECT seals_from FROM sealing"

KEY = "substr(payload, 2, 4)"
CLEAR = "(charges || jsonb_build_object('lines', lines))::text"
STALE = f"""
SELECT merchant_id, reference, payload, customer, {CLEAR} AS clear FROM source_order
WHERE {{which}} AND (merchant_id, reference) > ($1, $2)
ORDER BY {KEY}, merchant_id, reference LIMIT $3 FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - a part of the statement, not a value
UNSEALED = STALE.format(which=f"{KEY} IS NULL")
OF_KEY = STALE.format(which=f"{KEY} = $4")
SAVE = """
UPDATE source_order SET payload = new.payload, customer = new.customer, lines = NULL, charges = NULL
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[]) AS new (merchant_id, reference, payload, customer)
WHERE source_order.merchant_id = new.merchant_id AND source_order.reference = new.reference
"""
# Those of the first key are not counted, as they are nearly all.
COUNTS = f"""
SELECT coalesce(encode({KEY}, 'hex'), 'none') AS key, count(*) AS values FROM source_order
WHERE {KEY} < $1 OR {KEY} > $1 OR {KEY} IS NULL GROUP BY 1
"""  # noqa: S608


class Payloads:
    """Stores and reads the payloads of orders. While processes of the release before may run, new ones stay clear."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._is_sealing = False

    async def is_sealing(self, conn: Connection, now: datetime) -> bool:
        """Return whether all processes open sealed payloads; it stays so."""
        if not self._is_sealing:
            seals_from = await conn.fetchval(SEALS_FROM)
            self._is_sealing = seals_from is None or now >= seals_from
        return self._is_sealing

    async def columns(self, unit: Unit, order: Order) -> tuple[bytes | None, str | None]:
        """Return the payload as it is stored: sealed, or else in the clear as JSON."""
        text = Payload.of(order).to_json()
        if await self.is_sealing(unit.conn, unit.now):
            return seal_payload(self._sealer, order.merchant_id, order.reference, text), None
        return None, text

    def read(self, row: asyncpg.Record) -> Payload:
        """Return the payload of this row. Raises NotOpened."""
        if row["payload"] is None:
            return Payload.from_json(row["clear"])
        return Payload.from_json(open_payload(self._sealer, row["merchant_id"], row["reference"], row["payload"]))


@dataclass(frozen=True)
class StoredValues:
    """The stored values of an order that are sealed, or have yet to be: `clear` is the payload as JSON."""

    merchant_id: str
    reference: str
    payload: bytes | None = field(repr=False)
    customer: bytes | None = field(repr=False)
    clear: str | None = field(repr=False, default=None)


async def stale(conn: Connection, after: tuple[str, str], key_id: bytes | None, limit: int) -> Sequence[StoredValues]:
    """Lock and return orders after this one whose payload is sealed with this key, or is in the clear."""
    if key_id is None:
        rows = await conn.fetch(UNSEALED, *after, limit)
    else:
        rows = await conn.fetch(OF_KEY, *after, limit, key_id)
    return [StoredValues(**row) for row in rows]


async def save(conn: Connection, rows: Sequence[StoredValues]) -> None:
    """Store the sealed values of locked orders, and none in the clear beside them."""
    await conn.execute(
        SAVE,
        [each.merchant_id for each in rows],
        [each.reference for each in rows],
        [each.payload for each in rows],
        [each.customer for each in rows],
    )


async def counts(conn: Connection, first_key: bytes) -> dict[str, int]:
    """Return the number of payloads in the clear (`none`), and of those sealed with each key but the first."""
    return {row["key"]: row["values"] for row in await conn.fetch(COUNTS, first_key)}
