"""Runs the work: leases a merchant, takes its due rows by priority, runs their sync function and writes the outcomes.

One replica at a time acts for a merchant. A lost lease is detected by its token before anything is written.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from common.backoff import Backoff, sleep_until
from common.db import inbox, outbox
from common.db.database import Database
from common.db.unit import Connection
from common.errors import Transient
from common.telemetry.metrics import Metrics
from common.work import table
from common.work.batches import Batches, CoolDown
from common.work.budget import Budget, Unlimited
from common.work.kind import Kind
from common.work.leased import LEASE, LeasedTurns

log = structlog.get_logger()

REPAIR_SECONDS = 300.0
LEAST_SETBACK = timedelta(seconds=10)
"""A clock that goes back by less delays nothing by more than that; small corrections are usual."""
LOOK_SECONDS = 2.0
"""Poll interval. A NOTIFY may be lost, so the wake-up is only a shortcut."""
TURN_SECONDS = 2.0
"""Long enough for a few Clover calls, short enough that other merchants wait no longer than they would notice."""
EXPECT_SECONDS = 1.0
EXPECTED = 180
"""Merchants named ahead; several replicas name the same ones, and each serves a part of them."""
STOP_SECONDS = 8.0
"""A Clover call may take this long; the container runtime kills the process after 20 s."""


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
        self._concurrency = concurrency
        self._budget = budget or Unlimited(concurrency)
        self.turns = LeasedTurns(database)
        self._batches = Batches(database, kinds, deps, metrics, self.turns, self._is_crowded)
        self._expected_at = database.clock.monotonic() - EXPECT_SECONDS
        self._next_ready: datetime | None = None
        self._polled_at, self._polled_monotonic = database.clock.now(), database.clock.monotonic()
        self._setback = timedelta(0)
        self._clock_went_back = asyncio.Event()
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; then let running batches finish for eight seconds, and release their leases."""
        async with asyncio.TaskGroup() as group:
            aside = [group.create_task(self.turns.renew()), group.create_task(self._repair())]
            try:
                await self._poll_until(stop)
                self._stopping = True
                await self.turns.finish(STOP_SECONDS)
            finally:
                await self.turns.finish(0)
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
        self.turns.forget_ended()
        now, free = self._clock.now(), self._concurrency - len(self.turns)
        self._watch_clock(now)
        if not free:
            return
        room = max(0, self._budget.background_turns() - self.turns.background)
        async with self._database.connection() as conn:
            taken = await table.take(conn, now, free, self.turns.token, LEASE, besides=[*self.turns], background=room)
            self._next_ready = await table.next_ready(conn, now) if len(taken) < free else None
            if len(taken) >= min(free, room):
                await self._expect(conn, now)
        for merchant_id, is_urgent in taken.items():
            self.turns.start(merchant_id, self._turn(merchant_id), is_urgent=is_urgent)

    def _watch_clock(self, now: datetime) -> None:
        """Notice when the clock goes back, and by how much: another clock shows how much time has passed."""
        monotonic = self._clock.monotonic()
        expected = self._polled_at + timedelta(seconds=monotonic - self._polled_monotonic)
        if now < self._polled_at or expected - now >= LEAST_SETBACK:
            self._setback += expected - now
            self._clock_went_back.set()
        self._polled_at, self._polled_monotonic = now, monotonic

    async def _expect(self, conn: Connection, now: datetime) -> None:
        """Tell the budget which merchants have turns now and next, so that it can prepare them together."""
        if self._clock.monotonic() - self._expected_at >= EXPECT_SECONDS:
            self._expected_at = self._clock.monotonic()
            self._budget.expect([*self.turns, *await table.waiting(conn, now, EXPECTED)])

    async def run_until_idle(self) -> None:
        """Work until nothing is due, for tests and tools."""
        while True:
            await self.poll()
            if not self.turns:
                return
            await asyncio.gather(*self.turns.tasks.values())

    def _until_next(self) -> float:
        if self._next_ready is None:
            return LOOK_SECONDS
        return max(0.0, min(LOOK_SECONDS, (self._next_ready - self._clock.now()).total_seconds()))

    async def _turn(self, merchant_id: str) -> None:
        """Work for one merchant until nothing is due or its time is over, so that no merchant starves another."""
        over, cool_down = self._clock.monotonic() + TURN_SECONDS, timedelta(0)
        try:
            while not self._stopping and self._clock.monotonic() < over and await self._batches.run_next(merchant_id):
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
                await table.end_turn(unit, merchant_id, self.turns.token, cool_down)
        except Transient as error:
            log.warning("lease left to expire", reason=str(error))

    def _is_crowded(self) -> bool:
        return self._stopping or len(self.turns) >= self._concurrency

    async def _repair(self) -> None:
        """Make merchants findable whose marks another build wrote; at once when the clock went back."""
        while True:
            try:
                await self._mend_due_times()
                async with self._database.connection() as conn:
                    await table.repair(conn, self._clock.now())
            except Transient as error:
                log.warning("due merchants not repaired", reason=str(error))
            await sleep_until(self._clock_went_back, REPAIR_SECONDS, self._clock)
            self._clock_went_back.clear()

    async def _mend_due_times(self) -> None:
        """Bring due times forward after the clock went back: rows written while it was ahead would wait as much longer.

        Rows written before that are then due too early, with several replicas by as many times as much, which only
        costs attempts.
        """
        setback = self._setback
        if setback >= LEAST_SETBACK:
            log.warning("the clock went back, due times follow", seconds=setback.total_seconds())
            for bring_forward in (table.bring_forward, outbox.bring_forward, inbox.bring_forward):
                async with self._database.connection() as conn:
                    await bring_forward(conn, self._clock.now(), setback)
        self._setback -= setback
