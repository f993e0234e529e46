"""Seals stored orders with the first of the master keys: those in the clear, and those of a key that is to go."""

import asyncio
from collections.abc import Sequence

import structlog
from prometheus_client import Gauge

from common.backoff import sleep_until
from common.errors import Transient
from common.seal import NotOpened
from common.telemetry.metrics import Metrics
from orders import store
from orders.deps import Deps
from orders.sealing import payload_context, personal_context, seal_payload
from orders.store.payloads import StoredValues

log = structlog.get_logger()

PORTION = 50
REST_SECONDS = 0.05
"""Between two portions, in which others have the processor and the database; a thousand orders a second are enough."""
PAUSE_SECONDS = 60.0
"""Between two looks; they cost nothing where no order has to be sealed, as an index finds those."""


class Resealing:
    """Looks again and again; replicas share the orders, as locked rows are skipped.

    The metric `quicksync_sealed_values` has the number of orders by key, the first one left out: a key with none can be
    taken out of the setting. Orders in the clear are counted under `none`.
    """

    def __init__(self, deps: Deps, metrics: Metrics) -> None:
        self._deps = deps
        self._values = Gauge(
            "quicksync_sealed_values",
            "Stored orders that are not sealed with the first master key, by the id of their key.",
            ["key"],
            registry=metrics.registry,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Seal until `stop`."""
        while not stop.is_set():
            try:
                await self.walk(stop)
            except Transient as error:
                log.warning("stored orders not sealed", reason=str(error))
            await sleep_until(stop, PAUSE_SECONDS, self._deps.database.clock)

    async def walk(self, stop: asyncio.Event) -> None:
        """Seal the values that the first key has not sealed, in portions, and count those that are left."""
        for key in await self._keys():
            number = await self._walk(key, stop)
            if number:
                log.info("stored orders are sealed with the first key", orders=number, key=key.hex() if key else None)
        async with self._deps.database.connection() as conn:
            counted = await store.payloads.counts(conn, self._deps.sealer.first_key)
        self._values.clear()
        for name, values in counted.items():
            self._values.labels(name).set(values)

    async def _keys(self) -> list[bytes | None]:
        """Return the keys whose orders are sealed anew; None stands for orders in the clear."""
        async with self._deps.database.connection() as conn:
            clear = await self._deps.payloads.is_sealing(conn, self._deps.database.clock.now())
        return [*([None] if clear else []), *self._deps.sealer.other_keys]

    async def _walk(self, key: bytes | None, stop: asyncio.Event) -> int:
        after, number = ("", ""), 0
        while not stop.is_set() and (rows := await self._reseal(after, key)):
            after, number = (rows[-1].merchant_id, rows[-1].reference), number + len(rows)
            if len(rows) == PORTION:
                await sleep_until(stop, REST_SECONDS, self._deps.database.clock)
        return number

    async def _reseal(self, after: tuple[str, str], key: bytes | None) -> Sequence[StoredValues]:
        async with self._deps.database.unit() as unit:
            rows = await store.payloads.stale(unit.conn, after, key, PORTION)
            sealed = [each for row in rows if (each := self._resealed(row))]
            if sealed:
                await store.payloads.save(unit.conn, sealed)
        return rows

    def _resealed(self, row: StoredValues) -> StoredValues | None:
        """Return the values under the first key; None if one does not open: its key may be missing by mistake."""
        sealer, names, customer = self._deps.sealer, (row.merchant_id, row.reference), row.customer
        payload = row.payload or seal_payload(sealer, *names, row.clear or "")
        try:
            payload = sealer.seal_again(payload, context=payload_context(*names))
            customer = customer and sealer.seal_again(customer, context=personal_context(*names))
        except NotOpened:
            log.exception("a stored order cannot be opened", merchant_id=row.merchant_id, reference=row.reference)
            if row.payload:
                return None
        return StoredValues(*names, payload, customer)
