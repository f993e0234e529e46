"""Brings committed events to the broker: at least once, each with a confirm, however often anything fails.

One relay per service is active at a time, under a lease, and takes the oldest rows. A row is deleted only after its
confirm, and deleting a confirmed row is right whoever does it, so a relay that wakes up without its lease does no
harm. Rows are found by being there, never by a position read before, so none that commits late is passed over.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
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
LEASE = timedelta(seconds=10)
PROLONG_SECONDS = 3.0
LAST_SECONDS = 4.0

# Nothing is found by a relay whose lease went to another, whatever it believes.
OLDEST_DUE = """
SELECT id, type, body, at, trace FROM outbox
WHERE due_at <= $1 AND EXISTS (SELECT FROM lease WHERE name = 'relay' AND token = $2)
ORDER BY due_at, position LIMIT $3
"""
# The pause doubles with each try, so that what nobody takes does not stand before what somebody waits for.
POSTPONE = """
UPDATE outbox SET attempts = attempts + 1, error = failed.error,
    due_at = $3::timestamptz + least(interval '2 s' * 2 ^ least(attempts, 10), interval '5 min') * (0.5 + random() / 2)
FROM unnest($1::uuid[], $2::text[]) AS failed (id, error) WHERE outbox.id = failed.id
"""


class Publisher(Protocol):
    """Publishes messages and says which the broker did not take, with the reason."""

    async def publish(self, messages: Sequence[Message]) -> Mapping[UUID, str]:
        """Confirmed means safe in a queue. Raises Transient when the broker as a whole is not there."""
        ...


class Relay:
    """The outbox of one service, emptied into a publisher."""

    def __init__(self, database: Database, publisher: Publisher, metrics: Metrics) -> None:
        self._database = database
        self._publisher = publisher
        self._metrics = metrics
        self._token = uuid4()
        self._prolong_at = 0.0
        self._not_taken: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish what is due until `stop`, then once more; the lease is given back at the end."""
        backoff = Backoff(first=0.2, most=10.0)
        while not stop.is_set():
            try:
                if not await self.publish_due():
                    await self._database.wakeups.wait("outbox", LOOK_SECONDS)
                backoff.reset()
            except Transient as error:
                log.warning("outbox waits", reason=str(error))
                await backoff.wait(stop)
        await self._last_round()

    async def publish_due(self) -> int:
        """Publish the oldest batch that is due, if the lease is ours; how many events were tried."""
        async with self._database.connection() as conn:
            if not await self._leads(conn):
                return 0
            rows = await conn.fetch(OLDEST_DUE, self._database.clock.now(), self._token, BATCH)
        if not rows:
            return 0
        messages = [Message(**row) for row in rows]
        failed = await self._publisher.publish(messages)
        self._note(messages, failed)
        await self._settle([message.id for message in messages if message.id not in failed], failed)
        counts = Counter((each.type, "failed" if each.id in failed else "confirmed") for each in messages)
        for labels, count in counts.items():
            self._metrics.events_published.labels(*labels).inc(count)
        return len(messages)

    async def _leads(self, conn: Connection) -> bool:
        """Whether the lease is ours. It is taken or prolonged now and then: each time is a write to disk."""
        now = self._database.clock.monotonic()
        if now >= self._prolong_at:
            taken = await lease.take(conn, ["relay"], self._token, LEASE)
            self._prolong_at = now + PROLONG_SECONDS if taken else now
        return now < self._prolong_at

    def _note(self, messages: Sequence[Message], failed: Mapping[UUID, str]) -> None:
        """Say once of each type that the broker does not take it and why, and once that it does again."""
        reasons = {each.type: failed[each.id] for each in messages if each.id in failed}
        for kind in sorted(reasons.keys() - self._not_taken):
            log.warning("events not taken by the broker", type=kind, reason=reasons[kind])
        taken = {each.type for each in messages} - reasons.keys()
        for kind in sorted(taken & self._not_taken):
            log.info("events taken by the broker again", type=kind)
        self._not_taken = (self._not_taken | reasons.keys()) - taken

    async def _settle(self, confirmed: Sequence[UUID], failed: Mapping[UUID, str]) -> None:
        async with self._database.connection() as conn:
            await conn.execute("DELETE FROM outbox WHERE id = ANY($1)", confirmed)
            if failed:
                await conn.execute(POSTPONE, list(failed), list(failed.values()), self._database.clock.now())

    async def _last_round(self) -> None:
        """Publish what is there, as far as that goes in a few seconds; the rest is another's, or the next start's."""
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while await self.publish_due():
                    pass
        except (Transient, TimeoutError) as error:
            log.warning("outbox left to the next start", reason=str(error) or "there is much of it")
        try:
            async with self._database.connection() as conn:
                await lease.release(conn, ["relay"], self._token)
        except Transient as error:
            log.warning("the relay's lease is left to expire", reason=str(error))
