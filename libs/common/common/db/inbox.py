"""Runs the handlers: each message has its effect once, in the transaction that remembers it.

A batch is one transaction. When a handler raises, the batch is undone and each message is taken alone, so that only
the bad one suffers: it is parked, to be tried again after a pause or, when that is pointless, to wait for a person.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from common.backoff import Backoff, backoff_delay
from common.contracts.envelope import Event, Message
from common.db.database import Database
from common.db.unit import Unit
from common.errors import AppError, Conflict, Permanent, Transient, Unavailable, Undecodable, reason
from common.telemetry import tracing
from common.telemetry.metrics import Metrics
from common.text import clean

log = structlog.get_logger()

Handler = Callable[[Any, Unit], Awaitable[None]]
Handlers = Mapping[type[Event], Handler]

LARGEST_BODY = 256 * 1024
BUG_ATTEMPTS = 5
LOOK_SECONDS = 1.0
KEEP = timedelta(days=14)
FORGET_AT_ONCE = 10_000

CLAIM = "INSERT INTO inbox (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id"
PARK = """
INSERT INTO dead_letter (id, type, body, at, trace, attempts, due_at, reason) VALUES ($1, $2, $3, $4, $5, 1, $6, $7)
ON CONFLICT (id) DO NOTHING
"""
NEXT_PARKED = """
SELECT id, type, body, at, trace, attempts FROM dead_letter
WHERE due_at <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
FORGET = """
WITH old AS (SELECT id FROM inbox WHERE received_at < $1 ORDER BY received_at LIMIT $2),
    gone AS (DELETE FROM inbox USING old WHERE inbox.id = old.id RETURNING 1)
SELECT count(*) FROM gone
"""
FAILED_AGAIN = "UPDATE dead_letter SET attempts = $2 + 1, due_at = $3, reason = $4 WHERE id = $1 AND attempts = $2"


class Inbox:
    """The handlers of one service and the memory of what they have handled."""

    def __init__(self, database: Database, handlers: Handlers, metrics: Metrics) -> None:
        self._database = database
        self._handlers = {event.type: (event, handler) for event, handler in handlers.items()}
        self._metrics = metrics

    @property
    def types(self) -> list[str]:
        """The event types this service subscribes to."""
        return list(self._handlers)

    async def take(self, messages: Sequence[Message]) -> None:
        """Give each message its effect, once. Raises Transient only when the database fails as a whole.

        A statement that the database cut off is the message's own: one that is always too slow must not stand
        before the others for ever.
        """
        try:
            await self._together(messages)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - whatever one message did to the batch is found out message by message
            for message in messages:
                await self._alone(message)

    async def _together(self, messages: Sequence[Message]) -> None:
        async with self._database.unit() as unit:
            rows = await unit.conn.fetch(CLAIM, [message.id for message in messages])
            new = {row["id"] for row in rows}
            once = {message.id: message for message in messages if message.id in new}.values()
            read = [(message.trace, *self._read(message)) for message in once]
            # by merchant, so that the batches of two replicas take their locks in one order
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
            except Conflict:
                await asyncio.sleep(backoff_delay(attempt, first=0.02).total_seconds())
            except Exception as error:  # noqa: BLE001 - it is parked with its reason, not swallowed
                return await self._park(message, error)
        return await self._park(message, Conflict())

    async def _park(self, message: Message, error: Exception) -> None:
        log.warning("message parked", id=str(message.id), type=message.type, reason=reason(error))
        async with self._database.unit() as unit:
            if not await unit.conn.fetch(CLAIM, [message.id]):
                return
            due = next_try(error, 1, unit.now)
            await unit.conn.execute(
                PARK,
                message.id,
                clean(message.type)[:200],
                message.body[:LARGEST_BODY],
                message.at,
                clean(message.trace)[:100],
                due,
                reason(error),
            )
        known = message.type if message.type in self._handlers else "unknown"
        self._metrics.events_dead_lettered.labels(known, type(error).__name__).inc()

    def _read(self, message: Message) -> tuple[Event, Handler]:
        """The event in the message, and who handles it. Raises Undecodable."""
        known = self._handlers.get(message.type)
        if known is None:
            raise Undecodable(f"no handler here for {clean(message.type)[:100]!r}")
        if len(message.body) > LARGEST_BODY:
            raise Undecodable(f"{len(message.body)} bytes, more than the {LARGEST_BODY} a message may have")
        event_class, handler = known
        return event_class.decode(message.body), handler

    async def _handle(self, trace: str, event: Event, handler: Handler, unit: Unit) -> None:
        entered = tracing.enter(trace)
        try:
            await handler(event, unit)
        finally:
            tracing.leave(entered)

    async def run(self, stop: asyncio.Event) -> None:
        """Try parked messages again when they are due, until `stop`."""
        backoff = Backoff(first=0.5, most=10.0)
        while not stop.is_set():
            try:
                if not await self.retry_next():
                    await self._database.wakeups.wait("dead_letter", LOOK_SECONDS)
                backoff.reset()
            except Transient as error:
                log.warning("parked messages wait", reason=str(error))
                await backoff.wait(stop)

    async def retry_next(self) -> bool:
        """Try the parked message that is most overdue; whether there was one."""
        message, attempts = None, 0
        try:
            async with self._database.unit() as unit:
                row = await unit.conn.fetchrow(NEXT_PARKED, unit.now)
                if row is None:
                    return False
                *parts, attempts = row
                message = Message(*parts)
                await self._handle(message.trace, *self._read(message), unit)
                await unit.conn.execute("DELETE FROM dead_letter WHERE id = $1", message.id)
        except Unavailable:
            raise
        except Exception as error:
            if message is None:
                raise
            await self._put_off(message.id, attempts, error)
        return True

    async def _put_off(self, message_id: UUID, attempts: int, error: Exception) -> None:
        async with self._database.connection() as conn:
            due = next_try(error, attempts + 1, self._database.clock.now())
            await conn.execute(FAILED_AGAIN, message_id, attempts, due, reason(error))

    async def forget_old(self) -> None:
        """Drop the memory of messages older than any that could come again, in portions that are soon done."""
        old = self._database.clock.now() - KEEP
        async with self._database.connection() as conn:
            while await conn.fetchval(FORGET, old, FORGET_AT_ONCE) == FORGET_AT_ONCE:
                pass


def next_try(error: Exception, attempts: int, now: Any) -> Any:
    """When a message that failed so often is tried again; None when only a person can help."""
    if isinstance(error, Permanent) or (not isinstance(error, AppError) and attempts >= BUG_ATTEMPTS):
        return None
    return now + backoff_delay(attempts, first=1.0, most=300.0)
