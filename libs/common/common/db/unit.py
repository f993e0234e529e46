"""The unit of work: one transaction with its events, marks and writes."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from common.contracts.envelope import Event, Message
from common.ids import uuid7
from common.telemetry import tracing

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"


class Priority(IntEnum):
    """The priority of work; the lowest number runs first."""

    LIVE = 0
    NORMAL = 5
    BULK = 9


@dataclass(frozen=True)
class Mark:
    """A request for work on one key, due at `due`."""

    merchant_id: str
    kind: str
    key: str
    priority: Priority
    due: datetime


def message(event: Event, at: datetime) -> Message:
    """Return the event as a message for the outbox, with the current trace."""
    return Message(uuid7(), event.type, event.model_dump_json().encode(), at, tracing.current())


INSERT_OUTBOX = """
INSERT INTO outbox (id, type, body, at, trace, due_at)
SELECT id, type, body, $4, trace, $4
FROM unnest($1::uuid[], $2::text[], $3::bytea[], $5::text[]) AS event (id, type, body, trace)
"""

# A row that fails keeps its due time: hints about a Clover that is down must not defeat the backoff. A held
# row becomes due again, because its state may differ from the one that was refused.
UPSERT_WORK = """
INSERT INTO work (merchant_id, kind, key, priority, due_at, trace)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[], $6::text[])
ON CONFLICT (merchant_id, kind, key) DO UPDATE SET
    seq = work.seq + 1,
    held = false,
    priority = least(work.priority, excluded.priority),
    due_at = CASE WHEN work.held THEN excluded.due_at WHEN work.failing_since IS NOT NULL THEN work.due_at
        ELSE least(work.due_at, excluded.due_at) END,
    trace = excluded.trace
"""

# The merchant is nearly always findable already: then its row is only locked against the end of a turn, which would set
# a later time without having seen these marks. Such locks do not wait for one another, so the units of one merchant
# commit side by side. A row is changed only when it gets an earlier time.
ANNOUNCE = """
INSERT INTO due_merchant (merchant_id, due_at, urgent_due_at)
SELECT merchant_id, due_at, coalesce(urgent_due_at, 'infinity')
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS marked (merchant_id, due_at, urgent_due_at)
WHERE NOT EXISTS (
    SELECT FROM due_merchant known WHERE known.merchant_id = marked.merchant_id AND known.due_at <= marked.due_at
        AND known.urgent_due_at <= coalesce(marked.urgent_due_at, 'infinity')
    FOR KEY SHARE
)
ON CONFLICT (merchant_id) DO UPDATE SET due_at = least(due_merchant.due_at, excluded.due_at),
    urgent_due_at = least(due_merchant.urgent_due_at, excluded.urgent_due_at)
"""


Apply: TypeAlias = Callable[["Unit", str, Sequence[Any]], Awaitable[None]]


@dataclass
class Gathered:
    """The values that a unit gathered for one merchant, and the trace in which that began."""

    trace: str
    given: list[Any] = field(default_factory=list)


@dataclass
class Unit:
    """One transaction. Its writes, events and marks commit together or not at all.

    `emit`, `mark`, `write` and `gather` only collect. `flush` writes everything set-based just before the commit, so a
    hundred events or marks cost one statement. Use `conn` for reads, and for writes that must happen at once.
    """

    conn: Connection
    now: datetime
    _events: list[Message] = field(default_factory=list)
    _marks: dict[tuple[str, str, str], Mark] = field(default_factory=dict)
    _writes: dict[str, list[Sequence[Any]]] = field(default_factory=dict)
    _gathered: dict[tuple[Apply, str], Gathered] = field(default_factory=dict)
    _traces: dict[tuple[str, str, str], str] = field(default_factory=dict)
    _due: dict[str, datetime] = field(default_factory=dict)
    _urgent: dict[str, datetime] = field(default_factory=dict)
    _topics: set[str] = field(default_factory=set)

    def emit(self, *events: Event) -> None:
        """Publish these events if this unit commits."""
        self.forward([message(event, self.now) for event in events])

    def forward(self, messages: Iterable[Message]) -> None:
        """Publish prepared messages if this unit commits; each keeps its own trace."""
        self.notify("outbox")
        self._events.extend(messages)

    def mark(
        self,
        kind: str,
        merchant_id: str,
        keys: str | Iterable[str],
        *,
        priority: Priority = Priority.NORMAL,
        due: datetime | None = None,
    ) -> None:
        """Request work on these keys, now or at `due`, even if they are held. Marking a key again adds no row."""
        for key in [keys] if isinstance(keys, str) else keys:
            mark = Mark(merchant_id, kind, key, priority, due or self.now)
            known = self._marks.get((merchant_id, kind, key))
            if known is not None:
                mark = Mark(merchant_id, kind, key, min(known.priority, priority), min(known.due, mark.due))
            self.announce(merchant_id, mark.due, is_urgent=mark.priority < Priority.BULK)
            self._marks[merchant_id, kind, key] = mark
            self._traces[merchant_id, kind, key] = tracing.current()

    def announce(self, merchant_id: str, due: datetime | None = None, *, is_urgent: bool = True) -> None:
        """Let the worker look at this merchant, now or at `due`, if this unit commits. `mark` does it by itself.

        Merchants with urgent work, which is all but background work, have their turns before the others.
        """
        self.notify("work")
        due = max(due or self.now, self.now)  # a merchant with an earlier time would jump the queue of merchants
        self._due[merchant_id] = min(self._due.get(merchant_id, due), due)
        if is_urgent:
            self._urgent[merchant_id] = min(self._urgent.get(merchant_id, due), due)

    def notify(self, topic: str) -> None:
        """Wake the waiters of this topic once the unit has committed."""
        self._topics.add(topic)

    def write(self, sql: str, *arguments: Any) -> None:
        """Run this statement before the commit, in one round trip with all others of the same text."""
        self._writes.setdefault(sql, []).append(arguments)

    def gather(self, apply: Apply, merchant_id: str, each: Any) -> None:
        """Call `apply(unit, merchant_id, all)` once before the commit, with all that was gathered for the merchant.

        So the handler of one event may write set-based for a whole batch of events. The trace is that of the first.
        """
        self._gathered.setdefault((apply, merchant_id), Gathered(tracing.current())).given.append(each)

    async def flush(self) -> None:
        """Apply and write everything collected. `Database.unit` calls this once, before the commit."""
        for (apply, merchant_id), gathered in self._gathered.items():
            entered = tracing.enter(gathered.trace)
            try:
                await apply(self, merchant_id, gathered.given)
            finally:
                tracing.leave(entered)
        for sql, rows in self._writes.items():
            await self.conn.executemany(sql, rows)
        if self._events:
            await self.conn.execute(
                INSERT_OUTBOX,
                [message.id for message in self._events],
                [message.type for message in self._events],
                [message.body for message in self._events],
                self.now,
                [message.trace for message in self._events],
            )
        if self._marks:
            marks = [self._marks[key] for key in sorted(self._marks)]  # one order in all units, so that none deadlock
            await self.conn.execute(
                UPSERT_WORK,
                [mark.merchant_id for mark in marks],
                [mark.kind for mark in marks],
                [mark.key for mark in marks],
                [mark.priority for mark in marks],
                [mark.due for mark in marks],
                [self._traces[mark.merchant_id, mark.kind, mark.key] for mark in marks],
            )
        if self._due:  # last, so that a lock which all work of a merchant shares is held for the commit only
            merchants = sorted(self._due)
            due, urgent = [self._due[each] for each in merchants], [self._urgent.get(each) for each in merchants]
            await self.conn.execute(ANNOUNCE, merchants, due, urgent)

    @property
    def topics(self) -> frozenset[str]:
        """The topics to notify after the commit."""
        return frozenset(self._topics)
