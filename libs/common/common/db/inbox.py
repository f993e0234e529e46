"""Runs the handlers: each message has its effect once, in the transaction that records its id.

A batch is one transaction, in which messages that cannot be read become dead letters. When a handler raises, the
batch is rolled back and each message is handled alone, so that only the bad one becomes a dead letter. A dead letter is
retried after a delay or, when a retry is pointless, waits for a person. One that only a newer version can read is
retried for an hour before that. It notes the versions that cannot read it; a replica of another one takes it at once.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

import structlog

from common.backoff import Backoff, backoff_delay
from common.contracts.envelope import Event, Message
from common.db.database import Database
from common.db.unit import Connection, Unit
from common.errors import AppError, Conflict, FromNewerVersion, Permanent, Transient, Unavailable, Undecodable, reason
from common.telemetry import tracing
from common.telemetry.metrics import Metrics
from common.text import clean

log = structlog.get_logger()

Handler = Callable[[Any, Unit], Awaitable[None]]
Handlers = Mapping[type[Event], Handler]

LARGEST_BODY = 256 * 1024
BUG_ATTEMPTS = 5
LOOK_SECONDS = 1.0
"""Poll interval of the dead letters; nobody announces that a due time has come."""
UPGRADED_WITHIN = timedelta(hours=1)
"""How long a rolling upgrade may take before a message that only the newer version knows waits for a person."""
KEEP = timedelta(days=14)
"""Longer than any outage after which a relay may still send a message a second time."""
FORGET_AT_ONCE = 10_000
"""Rows deleted per statement, so that each ends well within the statement timeout."""

MESSAGE = ("id", "type", "body", "at", "trace")

CLAIM = "INSERT INTO inbox (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id"
DEAD_LETTER = """
INSERT INTO dead_letter (id, type, body, at, trace, attempts, due_at, reason, failed_at, unreadable_by)
VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9)
ON CONFLICT (id) DO NOTHING
"""
NEXT_DUE = """
SELECT id, type, body, at, trace, attempts, failed_at FROM dead_letter
WHERE due_at <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
# Also one that waits for a person: this version may be the newer one.
NEXT_UNREAD = """
SELECT id, type, body, at, trace, attempts, failed_at FROM dead_letter
WHERE unreadable_by <> '{}' AND NOT $1 = ANY(unreadable_by) ORDER BY failed_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
FORGET = """
WITH old AS (SELECT id FROM inbox WHERE received_at < $1 ORDER BY received_at LIMIT $2),
    gone AS (DELETE FROM inbox USING old WHERE inbox.id = old.id RETURNING 1)
SELECT count(*) FROM gone
"""
FAILED_AGAIN = """
UPDATE dead_letter SET attempts = $2 + 1, due_at = $3, reason = $4, unreadable_by = CASE
    WHEN $5::text IS NULL THEN '{}' WHEN $5 = ANY(unreadable_by) THEN unreadable_by ELSE unreadable_by || $5 END
WHERE id = $1 AND attempts = $2
"""
BRING_FORWARD = "UPDATE dead_letter SET due_at = greatest(due_at - $2::interval, $1) WHERE due_at > $1"


async def bring_forward(conn: Connection, now: datetime, by: timedelta) -> None:
    """Make dead letters that are retried later due earlier, after the clock was set back by this much."""
    await conn.execute(BRING_FORWARD, now, by)


class Inbox:
    """The handlers of one service, and the ids of the messages they have handled.

    Messages of the types in `retired` are skipped: the queue still receives them for replicas of the last release.
    """

    def __init__(self, database: Database, handlers: Handlers, metrics: Metrics, retired: Iterable[str] = ()) -> None:
        self._database = database
        self._handlers = {event.type: (event, handler) for event, handler in handlers.items()}
        self._retired = frozenset(retired)
        self._version = fingerprint(handlers)
        self._metrics = metrics

    @property
    def types(self) -> list[str]:
        """The event types this service subscribes to."""
        return list(self._handlers)

    async def take(self, messages: Sequence[Message]) -> None:
        """Give each message its effect, once. Raise Transient only when the database fails as a whole.

        A statement timeout counts against its message: a message that is always too slow must not block the others.
        """
        try:
            await self._together(messages)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - handling them one by one finds the message that failed
            for message in messages:
                await self._alone(message)

    async def _together(self, messages: Sequence[Message]) -> None:
        async with self._database.unit() as unit:
            rows = await unit.conn.fetch(CLAIM, [message.id for message in messages])
            new = {row["id"] for row in rows}
            once = {message.id: message for message in messages if message.id in new}.values()
            read = [each for message in once if (each := self._read_or_dead_letter(message, unit))]
            # sorted by merchant, so that two replicas' batches take their locks in the same order
            for trace, event, handler in sorted(read, key=lambda each: each[1].merchant_id):
                await self._handle(trace, event, handler, unit)
        for kind, count in Counter(message.type for message in messages).items():
            self._metrics.events_consumed.labels(kind, "handled").inc(count)

    async def _alone(self, message: Message) -> None:
        for attempt in range(1, BUG_ATTEMPTS):
            try:
                return await self._together([message])
            except Unavailable:
                raise
            except Conflict:  # the other transaction ends in real time, not by the clock of a test
                await asyncio.sleep(backoff_delay(attempt, first=0.02).total_seconds())
            except Exception as error:  # noqa: BLE001 - the dead letter holds the reason
                return await self._dead_letter(message, error)
        return await self._dead_letter(message, Conflict())

    async def _dead_letter(self, message: Message, error: Exception) -> None:
        async with self._database.unit() as unit:
            if await unit.conn.fetch(CLAIM, [message.id]):
                self._save_dead_letter(unit, message, error)

    def _save_dead_letter(self, unit: Unit, message: Message, error: Exception) -> None:
        log.warning("message became a dead letter", id=str(message.id), type=message.type, reason=reason(error))
        unit.write(
            DEAD_LETTER,
            message.id,
            clean(message.type)[:200],
            message.body[:LARGEST_BODY],
            message.at,
            clean(message.trace)[:100],
            next_attempt(error, 1, unit.now, unit.now),
            reason(error),
            unit.now,
            [self._version] if isinstance(error, FromNewerVersion) else [],
        )
        known = message.type if message.type in self._handlers else "unknown"
        self._metrics.events_dead_lettered.labels(known, type(error).__name__).inc()

    def _read_or_dead_letter(self, message: Message, unit: Unit) -> tuple[str, Event, Handler] | None:
        """Return the message's trace, event and handler. Return None when it is retired or becomes a dead letter."""
        if message.type in self._retired:
            return None
        try:
            return message.trace, *self._read(message)
        except (FromNewerVersion, Undecodable) as error:
            self._save_dead_letter(unit, message, error)
            return None

    def _read(self, message: Message) -> tuple[Event, Handler]:
        """Return the event in the message, and its handler. Raise FromNewerVersion when there is no handler."""
        if len(message.body) > LARGEST_BODY:
            raise Undecodable(f"{len(message.body)} bytes, more than the {LARGEST_BODY} a message may have")
        known = self._handlers.get(message.type)
        if known is None:
            raise FromNewerVersion(f"no handler here for {clean(message.type)[:100]!r}")
        event_class, handler = known
        return event_class.decode(message.body), handler

    async def _handle(self, trace: str, event: Event, handler: Handler, unit: Unit) -> None:
        entered = tracing.enter(trace)
        try:
            await handler(event, unit)
        finally:
            tracing.leave(entered)

    async def run(self, stop: asyncio.Event) -> None:
        """Retry dead letters when they are due, until `stop`."""
        backoff = Backoff(self._database.clock, first=0.5, most=10.0)
        while not stop.is_set():
            try:
                if not await self.retry_next():
                    await self._database.wakeups.wait("dead_letter", LOOK_SECONDS)
                backoff.reset()
            except Transient as error:
                log.warning("dead letters paused", reason=str(error))
                await backoff.wait(stop)

    async def retry_next(self) -> bool:
        """Retry the dead letter that is most overdue, or one that another version left; return whether one was."""
        message, row = None, None
        try:
            async with self._database.unit() as unit:
                row = await unit.conn.fetchrow(NEXT_DUE, unit.now)
                row = row or await unit.conn.fetchrow(NEXT_UNREAD, self._version)
                if row is None:
                    return False
                message = Message(**{name: row[name] for name in MESSAGE})
                if message.type not in self._retired:
                    await self._handle(message.trace, *self._read(message), unit)
                await unit.conn.execute("DELETE FROM dead_letter WHERE id = $1", message.id)
        except Unavailable:
            raise
        except Exception as error:
            if message is None or row is None:
                raise
            await self._postpone(message, row["attempts"], row["failed_at"], error)
        return True

    async def _postpone(self, message: Message, attempts: int, failed_at: datetime, error: Exception) -> None:
        due = next_attempt(error, attempts + 1, failed_at, self._database.clock.now())
        unreadable_by = self._version if isinstance(error, FromNewerVersion) else None
        async with self._database.connection() as conn:
            await conn.execute(FAILED_AGAIN, message.id, attempts, due, reason(error), unreadable_by)
        if due is None:
            log.error("dead letter waits for a person", id=str(message.id), type=message.type, reason=reason(error))

    async def forget_old(self) -> None:
        """Delete the ids of messages too old to be redelivered, in small portions."""
        old = self._database.clock.now() - KEEP
        async with self._database.connection() as conn:
            while await conn.fetchval(FORGET, old, FORGET_AT_ONCE) == FORGET_AT_ONCE:
                pass


def fingerprint(handlers: Handlers) -> str:
    """Identify a version by the schemas of the events that it handles."""
    schemas = {event.type: _schema(event) for event in handlers}
    return sha256(json.dumps(schemas, sort_keys=True).encode()).hexdigest()[:16]


@cache
def _schema(event: type[Event]) -> dict[str, Any]:
    # cached for tests, which build services by the hundred
    return event.model_json_schema()


def next_attempt(error: Exception, attempts: int, failed_at: datetime, now: datetime) -> datetime | None:
    """Return the time of the next attempt after this many failures, or None when only a person can help.

    `failed_at` is the time of the first failure.
    """
    if isinstance(error, FromNewerVersion) and now - failed_at >= UPGRADED_WITHIN:
        return None
    if isinstance(error, Permanent) or (not isinstance(error, AppError) and attempts >= BUG_ATTEMPTS):
        return None
    return now + backoff_delay(attempts, first=1.0, most=300.0)
