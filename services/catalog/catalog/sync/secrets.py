"""Seals stored secrets with the first of the master keys, so that an old key can be taken away while catalog runs."""

import asyncio
from collections.abc import Sequence

import structlog
from prometheus_client import Gauge

from catalog.deps import Deps
from catalog.sealing import Secret
from catalog.store import secrets
from catalog.store.secrets import SealedSecrets
from common.backoff import sleep_until
from common.errors import Transient
from common.seal import NotOpened
from common.telemetry.metrics import Metrics

log = structlog.get_logger()

PORTION = 100
PAUSE_SECONDS = 60.0
"""Between two looks at all connections; a rotation of keys has hours."""


class Resealing:
    """Walks all connections again and again; replicas share them, as locked rows are skipped.

    The metric `quicksync_sealed_values` has the number of values by key: one with none can be taken out of the setting.
    """

    def __init__(self, deps: Deps, metrics: Metrics) -> None:
        self._deps = deps
        self._values = Gauge(
            "quicksync_sealed_values",
            "Stored secrets, by the id of the master key that sealed them.",
            ["key"],
            registry=metrics.registry,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Seal until `stop`."""
        while not stop.is_set():
            try:
                await self.walk()
            except Transient as error:
                log.warning("stored secrets not sealed again", reason=str(error))
            await sleep_until(stop, PAUSE_SECONDS, self._deps.database.clock)

    async def walk(self) -> None:
        """Seal every value of another key with the first one, in portions, and count the values of each key."""
        after, number = "", 0
        while rows := await self._reseal(after):
            after, number = rows[-1].merchant_id, number + len(rows)
        if number:
            log.info("stored secrets are sealed with the first key", merchants=number)
        async with self._deps.database.connection() as conn:
            counted = await secrets.counts(conn)
        self._values.clear()
        for key, values in counted.items():
            self._values.labels(key).set(values)

    async def _reseal(self, after: str) -> Sequence[SealedSecrets]:
        async with self._deps.database.unit() as unit:
            rows = await secrets.stale(unit.conn, after, self._deps.sealer.first_key, PORTION)
            if rows:
                await secrets.save(unit.conn, [self._resealed(row) for row in rows])
        return rows

    def _resealed(self, row: SealedSecrets) -> SealedSecrets:
        return SealedSecrets(
            row.merchant_id,
            self._again(Secret.TOKEN, row.merchant_id, row.sealed_token),
            self._again(Secret.REFRESH_TOKEN, row.merchant_id, row.sealed_refresh_token),
            self._again(Secret.EMAIL, row.merchant_id, row.sealed_email) or row.sealed_email,
        )

    def _again(self, secret: Secret, merchant_id: str, sealed: bytes | None) -> bytes | None:
        """Return the value under the first key. One that does not open stays: its key may be missing by mistake."""
        if sealed is None:
            return None
        try:
            return self._deps.sealer.seal_again(sealed, context=secret.context(merchant_id))
        except NotOpened:
            log.exception("a stored secret cannot be opened", merchant_id=merchant_id, secret=secret)
            return sealed
