"""Does the work: leases a merchant, takes its due rows by priority, runs their sync function, writes how each fared.

One replica at a time acts for a merchant and service. A lost lease is noticed by its token before anything more is
written. A batch that is refused is split until the bad row stands alone; what fails for now is taken again later.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from common.backoff import Backoff, backoff_delay, sleep_until
from common.contracts.problems import Code
from common.db import lease
from common.db.database import Database
from common.db.lease import LeaseLost
from common.errors import (
    Again,
    Ambiguous,
    AppError,
    Conflict,
    Forbidden,
    Held,
    Permanent,
    Throttled,
    TimedOut,
    Transient,
    Unavailable,
    reason,
)
from common.telemetry import tracing
from common.telemetry.metrics import Metrics
from common.work import table
from common.work.batch import Batch, Hold, Kind, OutcomeHook, Repeat, Retry, Row, no_hook
from common.work.fair_queue import FairQueue

log = structlog.get_logger()

LEASE = timedelta(seconds=12)
SAFE_SECONDS = 9.0
"""After so long without its lease prolonged a turn is ended: another may soon take the merchant."""
RENEW_SECONDS = 2.5
LOOK_SECONDS = 2.0
TURN_SECONDS = 2.0
TAKE = 200
BUG_ATTEMPTS = 5
WRITE_TRIES = 4
STOP_SECONDS = 8.0
CANCEL_SECONDS = 2.0
PROBLEMS = {None, *Code}


class CoolDown(Exception):
    """Clover takes no calls for this merchant for now; `wish` is the pause it asked for, if it did."""

    def __init__(self, wish: timedelta | None) -> None:
        super().__init__("the merchant rests")
        self.wish = wish


class Worker:
    """The worker of one service process: up to `concurrency` merchants at once, each in a task of its own."""

    def __init__(
        self, database: Database, kinds: Iterable[Kind], deps: object, metrics: Metrics, *, concurrency: int = 16
    ) -> None:
        self._database = database
        self._kinds = {kind.name: kind for kind in kinds}
        self._deps = deps
        self._metrics = metrics
        self._side_by_side = concurrency
        self._token = uuid4()
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._kept_at: dict[str, float] = {}
        self._queue = FairQueue()
        self._next_due: datetime | None = None
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; batches under way then get eight seconds to finish, and their leases are given back."""
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(self._renew())
            try:
                await self._keep_looking(stop)
                self._stopping = True
                await self._finish(STOP_SECONDS)
            finally:
                await self._finish(0)
                renewing.cancel()

    async def _keep_looking(self, stop: asyncio.Event) -> None:
        backoff = Backoff(first=0.2, most=5.0)
        while not stop.is_set():
            try:
                await self.poll()
                await self._database.wakeups.wait("work", self._until_next())
                backoff.reset()
            except Transient as error:
                log.warning("work waits", reason=str(error))
                await backoff.wait(stop)

    async def poll(self) -> None:
        """Start a turn for each merchant that is due, as far as there are places."""
        for name in [name for name, turn in self._turns.items() if turn.done()]:
            turn = self._turns.pop(name)
            if not turn.cancelled():
                turn.result()  # a bug in a turn ends the process rather than the work of one merchant
        now = self._database.clock.now()
        async with self._database.connection() as conn:
            waiting = self._queue.in_turn(await table.earliest(conn), self._turns)
            due = [merchant_id for merchant_id, due_at in waiting if due_at <= now]
            places = self._side_by_side - len(self._turns)
            taken = await lease.take(conn, due[:places], self._token, LEASE) if places else []
        self._next_due = min((due_at for _, due_at in waiting if due_at > now), default=None)
        for merchant_id in taken:
            self._kept_at[merchant_id] = self._database.clock.monotonic()
            turn = asyncio.create_task(self._turn(merchant_id), name=f"work for {merchant_id}")
            self._turns[merchant_id] = turn
            turn.add_done_callback(lambda _: self._database.wakeups.notify("work"))

    async def run_until_idle(self) -> None:
        """Work until nothing is due, for tests and tools."""
        while True:
            await self.poll()
            if not self._turns:
                return
            await asyncio.gather(*self._turns.values())

    def _until_next(self) -> float:
        if self._next_due is None:
            return LOOK_SECONDS
        return max(0.0, min(LOOK_SECONDS, (self._next_due - self._database.clock.now()).total_seconds()))

    async def _turn(self, merchant_id: str) -> None:
        """Work for one merchant until nothing is due or its turn is over, so that no merchant starves another."""
        clock = self._database.clock
        over = clock.monotonic() + TURN_SECONDS
        try:
            while not self._stopping and clock.monotonic() < over and await self._batch(merchant_id):
                self._queue.reset(merchant_id)
        except CoolDown as rests:
            self._queue.cool_down(merchant_id, clock.now(), rests.wish)
        except Transient as error:
            log.warning("a turn ended early", reason=str(error))
        finally:
            self._queue.turn_ended(merchant_id, clock.now())
            await self._give_back(merchant_id)

    async def _give_back(self, merchant_id: str) -> None:
        try:
            async with self._database.connection() as conn:
                await lease.release(conn, [merchant_id], self._token)
        except Transient as error:
            log.warning("a lease is left to expire", reason=str(error))

    async def _batch(self, merchant_id: str) -> bool:
        """Run the most urgent kind of work that is due; whether there was any."""
        async with self._database.connection() as conn:
            rows = await table.due(conn, merchant_id, self._database.clock.now(), TAKE)
        if not rows:
            return False
        kind, is_told = self._kinds.get(rows[0].kind), rows[0].problem in PROBLEMS
        alike = [row for row in rows if row.kind == rows[0].kind and (row.problem in PROBLEMS) == is_told]
        if kind and is_told:
            await self._run(kind, merchant_id, alike[: kind.batch])
        else:
            await self._put_off(merchant_id, alike)
        return True

    async def _put_off(self, merchant_id: str, rows: Sequence[Row]) -> None:
        """Leave rows of a kind, or with a problem, of a newer version to a process that knows it."""
        batch = Batch(merchant_id, rows, self._database, self._token)
        words = "this version does not know this kind of work; another may"
        for row in rows:
            batch.outcomes[row.key] = Retry(batch.now + backoff_delay(row.attempts + 1), failed=True, reason=words)
        await self._write(batch, no_hook)

    async def _run(self, kind: Kind, merchant_id: str, rows: Sequence[Row]) -> None:
        batch, rests = Batch(merchant_id, rows, self._database, self._token, kind.delayed), None
        trace = tracing.enter(rows[0].trace)
        try:
            with self._metrics.work_seconds.labels(kind.name).time():
                await kind.function(batch, self._deps)
        except LeaseLost:
            raise
        except (Transient, Ambiguous, Forbidden, Held, Again) as error:
            _fail(batch, error, kind.refused)
            if isinstance(error, Throttled | Unavailable | TimedOut):
                rests = CoolDown(error.retry_after if isinstance(error, Throttled) else None)
        except Exception as error:
            if len(rows) > 1:
                half = len(rows) // 2
                await self._run(kind, merchant_id, rows[:half])
                await self._run(kind, merchant_id, rows[half:])
                return
            if not isinstance(error, AppError):
                log.exception("a sync function has a bug", kind=kind.name)
            _fail(batch, error, kind.refused)
        finally:
            tracing.leave(trace)
        await self._write(batch, kind.on_outcomes)
        if rests is not None:
            raise rests

    async def _write(self, batch: Batch, on_outcomes: OutcomeHook) -> None:
        """Write how each row fared. What meets another writer is written again: the calls are made and paid for."""
        for attempt in range(1, WRITE_TRIES):
            try:
                return await self._write_once(batch, on_outcomes)
            except LeaseLost:
                raise
            except Conflict:
                await asyncio.sleep(backoff_delay(attempt, first=0.05).total_seconds())
        return await self._write_once(batch, on_outcomes)

    async def _write_once(self, batch: Batch, on_outcomes: OutcomeHook) -> None:
        named = batch.merchant_id, batch.rows[0].kind
        said = [(row, batch.outcomes.get(row.key)) for row in batch.rows]
        async with batch.unit() as unit:
            await on_outcomes(unit, batch.merchant_id, {row.key: each for row, each in said})
            await table.lock(unit, batch.merchant_id, batch.rows)
            await table.finish(unit, *named, [row for row, each in said if each is None])
            await table.recur(unit, *named, [(row, each) for row, each in said if isinstance(each, Repeat)])
            await table.postpone(unit, *named, [(row, each) for row, each in said if isinstance(each, Retry)])
            await table.hold(unit, *named, [(row, each) for row, each in said if isinstance(each, Hold)])
        for row, each in said:
            self._metrics.work_outcomes.labels(row.kind, type(each).__name__ if each else "Done").inc()

    async def _renew(self) -> None:
        """Prolong the leases of all turns under way, and end those whose lease another may soon have."""
        never = asyncio.Event()
        while True:
            await sleep_until(never, RENEW_SECONDS)
            now = self._database.clock.monotonic()
            under_way = {name: task for name, task in self._turns.items() if not task.done()}
            try:
                async with asyncio.timeout(RENEW_SECONDS), self._database.connection() as conn:
                    kept = await lease.prolong(conn, list(under_way), self._token, LEASE)
                self._kept_at |= dict.fromkeys(kept, now)
            except (Transient, TimeoutError) as error:
                log.warning("leases not prolonged", reason=str(error) or "the database does not answer")
            for name, task in under_way.items():
                if self._database.clock.monotonic() - self._kept_at[name] > SAFE_SECONDS:
                    log.warning("a turn is ended, as its lease could not be prolonged", merchant_id=name)
                    task.cancel()

    async def _finish(self, seconds: float) -> None:
        """Wait so long for the turns under way; those that are not over by then are cancelled."""
        turns = {task for task in self._turns.values() if not task.done()}
        if turns:
            _, turns = await asyncio.wait(turns, timeout=seconds)
        for task in turns:
            task.cancel()
        if turns:
            await asyncio.wait(turns, timeout=CANCEL_SECONDS)


def _fail(batch: Batch, error: Exception, refused: Code) -> None:
    """Say for each key of which the function said nothing what becomes of it after this error."""
    for row in batch.rows:
        if row.key in batch.outcomes:
            continue
        match error:
            case Held():
                batch.hold(row.key, Code(error.problem))
            case Again():
                batch.retry(row.key, error.after, error.problem)
            case Forbidden():
                batch.hold(row.key, Code.CONNECTION_LOST, reason(error))
            case Permanent():
                batch.hold(row.key, refused, reason(error))
            case AppError():
                batch.failed(row.key, error)
            case _ if row.attempts + 1 >= BUG_ATTEMPTS:
                batch.hold(row.key, refused, reason(error))
            case _:
                batch.failed(row.key, error)
