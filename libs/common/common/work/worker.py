"""Runs the work: leases a merchant, takes its due rows by priority, runs their sync function and writes the outcomes.

One replica at a time acts for a merchant. A lost lease is detected by its token before anything is written. A refused
batch is split until the bad row stands alone; a transient failure is retried later.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Protocol
from uuid import uuid4

import structlog

from common.backoff import Backoff, backoff_delay, sleep_until
from common.contracts.problems import Code
from common.db import lease
from common.db.database import Database
from common.db.lease import LeaseLost
from common.db.unit import Connection
from common.errors import (
    Again,
    Ambiguous,
    AppError,
    Forbidden,
    Held,
    Throttled,
    TimedOut,
    Transient,
    Unavailable,
)
from common.telemetry import tracing
from common.telemetry.metrics import Metrics
from common.work import outcomes, table
from common.work.batch import Batch
from common.work.kind import Kind, no_hook
from common.work.row import Retry, Row

log = structlog.get_logger()

LEASE = timedelta(seconds=12)
SAFE_SECONDS = 9.0
"""A turn whose lease was not renewed for this long is cancelled, well before another process may take the merchant."""
RENEW_SECONDS = 2.5
"""Three renewals may fail before a turn is cancelled."""
LOCKED_ATTEMPTS, LOCKED_SECONDS = 10, 0.05
"""Further attempts of a renewal that a running commit of the same merchant is in the way of."""
REPAIR_SECONDS = 300.0
LOOK_SECONDS = 2.0
"""Poll interval. A NOTIFY may be lost, so the wake-up is only a shortcut."""
TURN_SECONDS = 2.0
"""Long enough for a few Clover calls, short enough that other merchants wait no longer than they would notice."""
TAKE = 200
"""Rows read at once, or as many as the largest batch takes; those of the first row's kind make the batch."""
EXPECT_SECONDS = 1.0
EXPECTED = 180
"""Merchants named ahead; several replicas name the same ones, and each serves a part of them."""
UNKNOWN_COOL_DOWN = timedelta(seconds=2)
"""The cool-down after an error that names no time, such as a share of the calls that others hold."""
STOP_SECONDS = 8.0
"""A Clover call may take this long; the container runtime kills the process after 20 s."""
CANCEL_SECONDS = 2.0
KNOWN_PROBLEMS = {None, *Code}


class CoolDown(Exception):
    """A batch could not run as a whole, so the merchant has no turn for this long."""

    def __init__(self, seconds: timedelta) -> None:
        super().__init__("the merchant cools down")
        self.seconds = seconds


class Budget(Protocol):
    """The budget of the calls that turns make."""

    def background_turns(self) -> int:
        """Return how many turns of background work may run at once, so that none waits long for its first call."""
        ...

    def expect(self, merchant_ids: list[str]) -> None:
        """Prepare the calls of these merchants, whose turns come next."""
        ...


@dataclass(frozen=True)
class Unlimited:
    """The budget of a service whose work needs none."""

    turns: int

    def background_turns(self) -> int:
        """Implement Budget."""
        return self.turns

    def expect(self, merchant_ids: list[str]) -> None:
        """Implement Budget."""


class Worker:
    """The worker of one service process: up to `concurrency` merchants at once, each in its own task."""

    def __init__(
        self,
        database: Database,
        kinds: Iterable[Kind],
        deps: object,
        metrics: Metrics,
        *,
        concurrency: int = 16,
        budget: Budget | None = None,
    ) -> None:
        self._database = database
        self._clock = database.clock
        self._kinds = {kind.name: kind for kind in kinds}
        self._take = max(TAKE, *(kind.batch for kind in self._kinds.values()), 0)
        self._deps = deps
        self._metrics = metrics
        self._concurrency = concurrency
        self._budget = budget or Unlimited(concurrency)
        self._background: set[str] = set()
        self._expected_at = database.clock.monotonic() - EXPECT_SECONDS
        self._token = uuid4()
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._renewed_at: dict[str, float] = {}
        self._next_ready: datetime | None = None
        self._polled_at = database.clock.now()
        self._clock_went_back = asyncio.Event()
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; then let running batches finish for eight seconds, and release their leases."""
        async with asyncio.TaskGroup() as group:
            aside = [group.create_task(self._renew()), group.create_task(self._repair())]
            try:
                await self._poll_until(stop)
                self._stopping = True
                await self._finish(STOP_SECONDS)
            finally:
                await self._finish(0)
                for each in aside:
                    each.cancel()

    async def _poll_until(self, stop: asyncio.Event) -> None:
        backoff = Backoff(self._clock, first=0.2, most=5.0)
        while not stop.is_set():
            try:
                await self.poll()
                await self._database.wakeups.wait("work", self._until_next())
                backoff.reset()
            except Transient as error:
                log.warning("work paused", reason=str(error))
                await backoff.wait(stop)

    async def poll(self) -> None:
        """Start a turn for each merchant that is due, up to `concurrency` turns."""
        for name in [name for name, turn in self._turns.items() if turn.done()]:
            turn = self._turns.pop(name)
            self._background.discard(name)
            self._renewed_at.pop(name, None)
            if not turn.cancelled():
                turn.result()  # a bug in the engine ends the process, instead of silently stopping one merchant
        now, free = self._clock.now(), self._concurrency - len(self._turns)
        if now < self._polled_at:
            self._clock_went_back.set()
        self._polled_at = now
        if not free:
            return
        room = max(0, self._budget.background_turns() - len(self._background))
        async with self._database.connection() as conn:
            taken = await table.take(conn, now, free, self._token, LEASE, besides=self._turns, background=room)
            self._next_ready = await table.next_ready(conn, now) if len(taken) < free else None
            if len(taken) >= min(free, room):
                await self._expect(conn, now)
        self._background |= {merchant_id for merchant_id, is_urgent in taken.items() if not is_urgent}
        for merchant_id in taken:
            self._renewed_at[merchant_id] = self._clock.monotonic()
            turn = asyncio.create_task(self._turn(merchant_id), name=f"work for {merchant_id}")
            self._turns[merchant_id] = turn
            turn.add_done_callback(lambda _: self._database.wakeups.notify("work"))

    async def _expect(self, conn: Connection, now: datetime) -> None:
        """Tell the budget which merchants have turns now and next, so that it can prepare them together."""
        if self._clock.monotonic() - self._expected_at >= EXPECT_SECONDS:
            self._expected_at = self._clock.monotonic()
            self._budget.expect([*self._turns, *await table.waiting(conn, now, EXPECTED)])

    async def run_until_idle(self) -> None:
        """Work until nothing is due, for tests and tools."""
        while True:
            await self.poll()
            if not self._turns:
                return
            await asyncio.gather(*self._turns.values())

    def _until_next(self) -> float:
        if self._next_ready is None:
            return LOOK_SECONDS
        return max(0.0, min(LOOK_SECONDS, (self._next_ready - self._clock.now()).total_seconds()))

    async def _turn(self, merchant_id: str) -> None:
        """Work for one merchant until nothing is due or its time is over, so that no merchant starves another."""
        over, cool_down = self._clock.monotonic() + TURN_SECONDS, timedelta(0)
        try:
            while not self._stopping and self._clock.monotonic() < over and await self._batch(merchant_id):
                pass
        except CoolDown as error:
            cool_down = error.seconds
        except Transient as error:
            log.warning("turn ended early", reason=str(error))
        finally:
            await self._end_turn(merchant_id, cool_down)

    async def _end_turn(self, merchant_id: str, cool_down: timedelta) -> None:
        try:
            async with self._database.unit() as unit:
                await table.end_turn(unit, merchant_id, self._token, cool_down)
        except Transient as error:
            log.warning("lease left to expire", reason=str(error))

    async def _batch(self, merchant_id: str) -> bool:
        """Run the most urgent kind of due work; return whether any was due."""
        async with self._database.connection() as conn:
            rows = await table.due(conn, merchant_id, self._clock.now(), self._take)
        if not rows:
            return False
        kind, is_known, chosen = self._kinds.get(rows[0].kind), rows[0].problem in KNOWN_PROBLEMS, _alike(rows)
        if kind and is_known:
            has_further = len(chosen) > kind.batch or len(rows) == self._take
            await self._run(kind, merchant_id, chosen[: kind.batch], has_further=has_further)
        else:
            await self._postpone_unknown(merchant_id, chosen)
        return True

    async def _take_further(self, kind: Kind, batch: Batch) -> Sequence[Row]:
        """Write the outcomes of the keys that have ended, and add the due rows if those of this kind are next."""
        if ended := batch.ended():
            await outcomes.write(ended, kind.on_outcomes, self._metrics)
            batch.without(ended)
        async with self._database.connection() as conn:
            rows = await table.due(conn, batch.merchant_id, self._clock.now(), self._take)
        under_way = {row.id for row in batch.rows}
        waiting = [row for row in rows if row.id not in under_way]
        next_ones = list(takewhile(lambda row: _joins(row, batch), waiting))
        further = next_ones[: kind.batch - len(batch.rows)]
        batch.rows = [*batch.rows, *further]
        batch.has_further = len(next_ones) > len(further) or (
            len(rows) == self._take and len(next_ones) == len(waiting)
        )
        return further

    async def _postpone_unknown(self, merchant_id: str, rows: Sequence[Row]) -> None:
        """Postpone rows whose kind or problem only a newer version knows: during an upgrade both versions run."""
        batch = Batch(merchant_id, rows, self._database, self._token)
        reason = "this version does not know this kind of work; another may"
        for row in rows:
            batch.outcomes[row.key] = Retry(batch.now + backoff_delay(row.attempts + 1), failed=True, reason=reason)
        await outcomes.write(batch, no_hook, self._metrics)

    async def _run(self, kind: Kind, merchant_id: str, rows: Sequence[Row], *, has_further: bool = False) -> None:
        batch, cool_down = self._batch_of(kind, merchant_id, rows, has_further=has_further), None
        trace = tracing.enter(rows[0].trace)
        try:
            with self._metrics.work_seconds.labels(kind.name).time():
                await kind.function(batch, self._deps)
        except LeaseLost:
            raise
        except (Transient, Ambiguous, Forbidden, Held, Again) as error:
            outcomes.fail(batch, error, kind.refused)
            if isinstance(error, Throttled | Unavailable | TimedOut):
                cool_down = CoolDown(UNKNOWN_COOL_DOWN if error.retry_after is None else error.retry_after)
        except Exception as error:
            rows = batch.rows
            if len(rows) > 1:
                half = len(rows) // 2
                await self._run(kind, merchant_id, rows[:half])
                await self._run(kind, merchant_id, rows[half:])
                return
            if not isinstance(error, AppError):
                log.exception("bug in a sync function", kind=kind.name)
            outcomes.fail(batch, error, kind.refused)
        finally:
            tracing.leave(trace)
        if batch.rows:  # those of a stream may all be written
            await outcomes.write(batch, kind.on_outcomes, self._metrics)
        if cool_down is not None:
            raise cool_down

    def _batch_of(self, kind: Kind, merchant_id: str, rows: Sequence[Row], *, has_further: bool) -> Batch:
        return Batch(
            merchant_id,
            rows,
            self._database,
            self._token,
            kind.delayed,
            kind.delayed_after,
            is_crowded=lambda: self._stopping or len(self._turns) >= self._concurrency,
            holds_lease=lambda: self._is_renewed(merchant_id),
            take_further=partial(self._take_further, kind),
            has_further=has_further,
        )

    def _is_renewed(self, merchant_id: str) -> bool:
        return self._clock.monotonic() - self._renewed_at.get(merchant_id, float("-inf")) <= SAFE_SECONDS

    async def _renew(self) -> None:
        """Renew the leases of all running turns; cancel a turn whose lease another process may soon take."""
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            now = self._clock.monotonic()
            running = {name: turn for name, turn in self._turns.items() if not turn.done()}
            try:
                async with asyncio.timeout(RENEW_SECONDS):
                    renewed = await self._prolonged(list(running))
                self._renewed_at |= {name: now for name in renewed if name in self._turns}
            except (Transient, TimeoutError) as error:
                log.warning("leases not renewed", reason=str(error) or "the database does not answer")
            for name, turn in running.items():
                if self._clock.monotonic() - self._renewed_at.get(name, now) > SAFE_SECONDS:
                    log.warning("turn cancelled, its lease could not be renewed", merchant_id=name)
                    turn.cancel()

    async def _prolonged(self, names: list[str]) -> list[str]:
        """Prolong these leases and return those that are still ours.

        A commit locks its merchant's lease, and with keys side by side there is often one; so what was locked is tried
        again for a moment, in real time like the commits.
        """
        async with self._database.connection() as conn:
            renewed = await lease.prolong(conn, names, self._token, LEASE)
            for _ in range(LOCKED_ATTEMPTS):
                locked = [name for name in names if name not in renewed]
                if not locked:
                    break
                await asyncio.sleep(LOCKED_SECONDS)
                renewed += await lease.prolong(conn, locked, self._token, LEASE)
        return renewed

    async def _repair(self) -> None:
        """Make merchants findable whose marks another build wrote; at once when the clock went back."""
        while True:
            try:
                async with self._database.connection() as conn:
                    await table.repair(conn, self._clock.now())
            except Transient as error:
                log.warning("due merchants not repaired", reason=str(error))
            await sleep_until(self._clock_went_back, REPAIR_SECONDS, self._clock)
            self._clock_went_back.clear()

    async def _finish(self, seconds: float) -> None:
        """Wait this long for the running turns, then cancel the others."""
        turns = {turn for turn in self._turns.values() if not turn.done()}
        if not turns:
            return
        with suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await asyncio.wait(turns)
        for turn in turns:
            turn.cancel()
        await asyncio.wait(turns, timeout=CANCEL_SECONDS)


def _alike(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that can be in one batch with the first of these."""
    first = rows[0].kind, rows[0].problem in KNOWN_PROBLEMS
    return [row for row in rows if (row.kind, row.problem in KNOWN_PROBLEMS) == first]


def _joins(row: Row, batch: Batch) -> bool:
    """Return whether a row can join a batch, whose calls have one priority."""
    return row.kind == batch.kind and row.priority == batch.priority and row.problem in KNOWN_PROBLEMS
