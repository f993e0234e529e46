"""Publishes committed events to the broker: at least once, each with a confirm.

One relay per service is active at a time, under a lease, and takes the oldest rows. It deletes a row only after its
confirm, which is right even without the lease, so a relay that lost its lease does no harm. It reads rows by their
presence and never after a remembered position, so an event that commits late is not skipped.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

import structlog

from common.backoff import Backoff
from common.contracts.envelope import Message
from common.db import lease
from common.db.database import Database
from common.db.unit import Connection
from common.errors import Transient
from common.telemetry.metrics import Metrics

log = structlog.get_logger()

BATCH = 500
LOOK_SECONDS = 1.0
"""Poll interval. A NOTIFY may be lost, so the wake-up is only a shortcut."""
LEASE = timedelta(seconds=10)
PROLONG_SECONDS = 3.0
LAST_SECONDS = 4.0
"""Other replicas keep emitting while this one stops, so its last round needs an end."""

# The query checks the lease, so a relay that lost it reads no rows.
OLDEST_DUE = """
SELECT id, type, body, at, trace FROM outbox
WHERE due_at <= $1 AND EXISTS (SELECT FROM lease WHERE name = 'relay' AND token = $2)
ORDER BY due_at, position LIMIT $3
"""
# The delay doubles with each attempt, so that unroutable events do not block the others.
POSTPONE = """
UPDATE outbox SET attempts = attempts + 1, error = failed.error,
    due_at = $3::timestamptz + least(interval '2 s' * 2 ^ least(attempts, 10), interval '5 min') * (0.5 + random() / 2)
FROM unnest($1::uuid[], $2::text[]) AS failed (id, error) WHERE outbox.id = failed.id
"""
BRING_FORWARD = "UPDATE outbox SET due_at = greatest(due_at - $2::interval, $1) WHERE due_at > $1"


async def bring_forward(conn: Connection, now: datetime, by: timedelta) -> None:
    """Make events that are due later due earlier, after the clock was set back by this much."""
    await conn.execute(BRING_FORWARD, now, by)


class Publisher(Protocol):
    """Publishes messages, and returns those the broker did not accept."""

    async def publish(self, messages: Sequence[Message]) -> Mapping[UUID, str]:
        """Return the reason for each message that was not accepted. Raise Transient when the broker is unavailable."""
        ...


class Relay:
    """The relay of one service: it publishes the rows of the outbox and deletes them."""

    def __init__(self, database: Database, publisher: Publisher, metrics: Metrics) -> None:
        self._database = database
        self._publisher = publisher
        self._metrics = metrics
        self._token = uuid4()
        self._prolong_at = 0.0
        self._refused: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish due events until `stop`, then once more; release the lease at the end."""
        backoff = Backoff(self._database.clock, first=0.2, most=10.0)
        while not stop.is_set():
            try:
                if not await self.publish_due():
                    await self._database.wakeups.wait("outbox", LOOK_SECONDS)
                backoff.reset()
            except Transient as error:
                log.warning("outbox paused", reason=str(error))
                await backoff.wait(stop)
        await self._last_round()

    async def publish_due(self) -> int:
        """Publish the oldest due batch, if the lease is ours; return the number of events attempted."""
        async with self._database.connection() as conn:
            if not await self._leads(conn):
                return 0
            rows = await conn.fetch(OLDEST_DUE, self._database.clock.now(), self._token, BATCH)
        if not rows:
            return 0
        messages = [Message(**row) for row in rows]
        failed = await self._publisher.publish(messages)
        self._log_changes(messages, failed)
        await self._settle([message.id for message in messages if message.id not in failed], failed)
        counts = Counter((each.type, "failed" if each.id in failed else "confirmed") for each in messages)
        for labels, count in counts.items():
            self._metrics.events_published.labels(*labels).inc(count)
        return len(messages)

    async def _leads(self, conn: Connection) -> bool:
        """Return whether the lease is ours; prolong it only every few seconds, because each time is a disk write."""
        now = self._database.clock.monotonic()
        if now >= self._prolong_at:
            taken = await lease.take(conn, ["relay"], self._token, LEASE)
            self._prolong_at = now + PROLONG_SECONDS if taken else now
        return now < self._prolong_at

    def _log_changes(self, messages: Sequence[Message], failed: Mapping[UUID, str]) -> None:
        """Log once per type that the broker refuses it and why, and once that it accepts it again."""
        reasons = {each.type: failed[each.id] for each in messages if each.id in failed}
        for kind in sorted(reasons.keys() - self._refused):
            log.warning("events refused by the broker", type=kind, reason=reasons[kind])
        taken = {each.type for each in messages} - reasons.keys()
        for kind in sorted(taken & self._refused):
            log.info("events accepted by the broker again", type=kind)
        self._refused = (self._refused | reasons.keys()) - taken

    async def _settle(self, confirmed: Sequence[UUID], failed: Mapping[UUID, str]) -> None:
        async with self._database.connection() as conn:
            await conn.execute("DELETE FROM outbox WHERE id = ANY($1)", confirmed)
            if failed:
                await conn.execute(POSTPONE, list(failed), list(failed.values()), self._database.clock.now())

    async def _last_round(self) -> None:
        """Publish for a few more seconds; another replica or the next start publishes the rest."""
        try:
            async with self._database.clock.timeout(LAST_SECONDS):
                while await self.publish_due():
                    pass
        except (Transient, TimeoutError) as error:
            log.warning("outbox left to the next start", reason=str(error) or "it holds too many events")
        try:
            async with self._database.connection() as conn:
                await lease.release(conn, ["relay"], self._token)
        except Transient as error:
            log.warning("relay lease left to expire", reason=str(error))
