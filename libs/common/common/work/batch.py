"""The input of a sync function: the due keys of one merchant, and the methods that record each key's outcome."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from common.backoff import backoff_delay
from common.contracts.problems import Code
from common.db import lease
from common.db.database import Database
from common.db.lease import LeaseLost
from common.db.unit import Priority, Unit
from common.errors import (
    Again,
    AllAgain,
    AppError,
    Forbidden,
    Held,
    OutOfService,
    Permanent,
    Throttled,
    Transient,
    reason,
)
from common.work import run
from common.work.row import Drop, Hold, More, NotStarted, Outcome, Repeat, Retry, Row
from common.work.run import Run
from common.work.side_by_side import NoSource, SideBySide
from common.work.slices import SLICE_SECONDS, Slice

DELAYED_AFTER = timedelta(seconds=30)
"""A key that fails for this long is reported, so that a merchant learns of an outage within a minute."""

THROTTLED_AFTER = timedelta(minutes=5)
"""A key that only waits for its share of the calls is reported later, because that is no outage."""

BUG_ATTEMPTS = 5

SIDE_BY_SIDE_SECONDS = 10.0
"""The time after which the outcomes of keys side by side are written: a slice ends then, a stream goes on."""

KEYS_A_CALL = 3
"""Keys under way for each call that may be in flight: while some write to the database or wait for one another, others
call."""

Prepare = Callable[[Sequence[str]], Awaitable[Sequence[str]]]


async def no_further(_batch: "Batch") -> Sequence[Row]:
    """Take no further rows."""
    return ()


@dataclass
class Batch:
    """The due keys of one kind for one merchant, while this process alone may act for it.

    A key without a recorded outcome is done when the function returns; when it raises, only those in `done` are.
    `subjects` names keys for the merchant: a short label such as an order's number or a SKU, never personal data. It is
    shown with the key's problem. `is_crowded` returns whether other merchants wait for a turn, `holds_lease` whether
    the merchant's lease was renewed so recently that no other process has it. `take_further` writes the outcomes of the
    keys that have ended and adds further due rows, which it returns; `has_further` is whether more were due.
    """

    merchant_id: str
    rows: Sequence[Row]
    database: Database
    token: UUID
    delayed: Code = Code.CLOVER_UNREACHABLE
    delayed_after: timedelta = DELAYED_AFTER
    outcomes: dict[str, Outcome | Drop | More | NotStarted] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    runs: dict[str, Run] = field(default_factory=dict)
    is_crowded: Callable[[], bool] = lambda: False
    holds_lease: Callable[[], bool] = lambda: True
    take_further: Callable[["Batch"], Awaitable[Sequence[Row]]] = no_further
    has_further: bool = False

    def __post_init__(self) -> None:
        self.kind = self.rows[0].kind
        self.priority = Priority(self.rows[0].priority)
        """The priority of the keys, which the calls of the batch have too."""
        self._slice = Slice(self.database, self.merchant_id, self.priority)

    @property
    def keys(self) -> list[str]:
        """The keys, oldest first within their priority."""
        return [row.key for row in self.rows]

    @property
    def keys_untried_first(self) -> list[str]:
        """The keys, with failed ones last and shuffled; else a key that always fails could block the rest for ever."""
        rows = sorted(self.rows, key=lambda row: (row.attempts, random.random() if row.attempts else 0))
        return [row.key for row in rows]

    @property
    def now(self) -> datetime:
        """The moment, by the service's clock."""
        return self.database.clock.now()

    def check_lease(self) -> None:
        """Raise LeaseLost unless this process still holds the merchant's lease.

        A process that stood still, between the commit that announces a write and the write itself, finds here that
        another one may have taken over.
        """
        if not self.holds_lease():
            raise LeaseLost

    def retry(self, key: str, after: timedelta, problem: str | None = None, reason: str = "") -> None:
        """Attempt this key again after a delay, without counting a failure; optionally report it under a problem."""
        code = Code(problem) if problem else None
        self.outcomes[key] = Retry(self.now + after, reason=reason, problem=code, subject=self._subject(key))

    def repeat(self, key: str, after: timedelta) -> None:
        """Finish this key, and make it due again after a delay."""
        self.outcomes[key] = Repeat(self.now + after)

    async def run(self, key: str, version: int) -> Run:
        """Return the run over this key, which goes on where an earlier slice ended, also in another process.

        `version` is that of the cursor's form. The run ends with any outcome that finishes the key.
        """
        row = self._row(key)
        self.runs[key] = await run.find(
            self.database, self.merchant_id, row.kind, key, work_id=row.id, seq=row.seq, version=version
        )
        return self.runs[key]

    async def gives_way(self) -> bool:
        """Return whether this slice should end: it lasted a second, or more urgent work of the merchant is due."""
        return self._slice.lasted(SLICE_SECONDS) or await self._slice.is_preceded()

    def more(self, key: str) -> None:
        """End this slice: the key stays due, and its run goes on from the cursor saved last."""
        self.outcomes[key] = More()

    def drop(self, key: str) -> None:
        """Delete this key without counting it as gone through: it is no longer wanted."""
        self.outcomes[key] = Drop()

    def reopen(self, key: str) -> None:
        """Take back the end of this key, as there is more to do for it."""
        self.outcomes.pop(key, None)
        self.done.discard(key)

    def failed(self, key: str, error: Exception) -> None:
        """Retry this key: after the time that the error names, else after a backoff that grows with each attempt.

        A key that fails for long is reported under the problem `delayed`. One that was throttled stays due and counts
        no attempt: its merchant cools down instead, so that no key backs off on its own or is overtaken by a new one.
        """
        row, throttled, patience = self._row(key), isinstance(error, Throttled), self.delayed_after
        if throttled and not isinstance(error, OutOfService):
            patience = max(THROTTLED_AFTER, patience)
        now, report_at = self.now, (row.failing_since or self.now) + patience
        retry_after = error.retry_after if isinstance(error, Transient) else None
        due = now if throttled else now + (retry_after or backoff_delay(row.attempts + 1))
        if now < report_at and retry_after is None:  # the backoff must not postpone the report
            due = min(due, report_at)
        problem = self.delayed if now >= report_at else None
        self.outcomes[key] = Retry(due, True, reason(error), problem, self._subject(key), counted=not throttled)

    def hold(self, key: str, problem: Code, reason: str = "", *, subject: str = "") -> None:
        """Let this key wait for a person, with a reason and a subject that are shown to the merchant."""
        self.outcomes[key] = Hold(problem, reason, subject or self._subject(key))

    def record(self, key: str, error: Exception, refused: Code) -> None:
        """Give this key the outcome that the error means: held, retried or failed. A bug is held in the end."""
        match error:
            case Held():
                self.hold(key, Code(error.problem), error.reason)
            case Again():
                self.retry(key, error.after, error.problem)
            case Forbidden():
                self.hold(key, Code.CONNECTION_LOST, reason(error))
            case Permanent():
                self.hold(key, refused, reason(error))
            case _ if not isinstance(error, AppError) and self._row(key).attempts + 1 >= BUG_ATTEMPTS:
                self.hold(key, refused, reason(error))
            case _:
                self.failed(key, error)

    async def for_each(
        self,
        keys: Sequence[str],
        push_one: Callable[[str], Awaitable[None]],
        *,
        rejected: Code,
        concurrency: Callable[[], int],
        prepare: Prepare | None = None,
    ) -> None:
        """Run `push_one` for these keys side by side, started in this order; an error is recorded for its key alone.

        When `push_one` returns, its key is done, so it must have committed its effect. `concurrency` returns how many
        calls may be in flight (`MerchantApi.concurrency`), which may grow meanwhile. LeaseLost, Throttled, Forbidden,
        AllAgain and bugs concern the whole batch: no further key is started, those under way end, and the first such
        error is raised.

        Each end costs the time in which the last keys finish and no other one starts, so this ends for more urgent work
        and for other merchants, and otherwise after ten seconds only. The keys that were not started stay due, in
        their sequence. With `prepare` it is a stream and does not end while more keys are due: further ones join the
        batch before the last are started. `prepare` returns those of them that are to be run, and gives the others
        their outcomes. After the failure of a key none is taken.
        """
        stream = Stream(self, prepare) if prepare else None

        async def attempt(key: str) -> None:
            try:
                await push_one(key)
                self.done.add(key)
            except (LeaseLost, Throttled, Forbidden, AllAgain):
                raise
            except (Held, Again, AppError) as error:
                self.record(key, error, rejected)
                if stream and not isinstance(error, Held | Again | Permanent):
                    stream.is_open = False

        async def is_over() -> bool:
            if stream and stream.is_open:
                return await self._gives_way_to_others()
            return await self.gives_way_side_by_side()

        running = SideBySide(
            keys, attempt, stream or NoSource(), width=lambda: KEYS_A_CALL * concurrency(), is_over=is_over
        )
        for key in await running.run():
            self.outcomes[key] = NotStarted()

    async def gives_way_side_by_side(self) -> bool:
        """Return whether a slice with several calls in flight should end.

        At its end calls stay unused until those in flight are done, so it lasts longer than a second if nobody waits.
        """
        return self._slice.lasted(SIDE_BY_SIDE_SECONDS) or await self._gives_way_to_others()

    async def _gives_way_to_others(self) -> bool:
        return (self._slice.lasted(SLICE_SECONDS) and self.is_crowded()) or await self._slice.is_preceded()

    def ended(self) -> "Batch | None":
        """Return the keys that have ended as a batch of their own, while others are under way."""
        rows = [row for row in self.rows if row.key in self.done or row.key in self.outcomes]
        outcomes = {row.key: self.outcomes[row.key] for row in rows if row.key in self.outcomes}
        return replace(self, rows=rows, outcomes=outcomes) if rows else None

    def without(self, ended: "Batch") -> None:
        """Forget keys whose outcomes are written; a key that is due again can then join once more."""
        keys = set(ended.keys)
        self.rows = [row for row in self.rows if row.key not in keys]
        self.done -= keys
        self.outcomes = {key: each for key, each in self.outcomes.items() if key not in keys}

    def _row(self, key: str) -> Row:
        return next(row for row in self.rows if row.key == key)

    def _subject(self, key: str) -> str:
        return self.subjects.get(key, "")

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Unit]:
        """Open a transaction that commits only while this process holds the merchant's lease; else raise LeaseLost."""
        async with self.database.unit() as unit:
            await lease.fence(unit.conn, self.merchant_id, self.token)
            yield unit


class Stream:
    """Takes further due rows into a batch. Implements `Source`."""

    def __init__(self, batch: Batch, prepare: Prepare) -> None:
        self.is_open = True
        self._batch = batch
        self._prepare = prepare
        self._clock = batch.database.clock
        self._taken_at = self._clock.monotonic()

    def is_due(self, left: int, width: int) -> bool:
        """Implement Source: when few keys are left, and at times, so that outcomes are written."""
        is_low = left <= width and self._batch.has_further
        return self.is_open and (is_low or self._clock.monotonic() - self._taken_at >= SIDE_BY_SIDE_SECONDS)

    async def take(self) -> Sequence[str]:
        """Implement Source."""
        self._taken_at = self._clock.monotonic()
        keys = [row.key for row in await self._batch.take_further(self._batch)]
        chosen = await self._prepare(keys) if keys else ()
        self._batch.done |= set(keys) - set(chosen) - self._batch.outcomes.keys()
        return chosen
