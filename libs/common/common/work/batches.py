"""Runs the due rows of one merchant in batches of one kind, and writes their outcomes.

A refused batch is split until the bad row stands alone; a transient failure is retried later.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from itertools import takewhile

import structlog

from common.backoff import backoff_delay
from common.contracts.problems import Code
from common.db.database import Database
from common.db.lease import LeaseLost
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
from common.work.leased import LeasedTurns
from common.work.row import Retry, Row

log = structlog.get_logger()

TAKE = 200
"""Rows read at once, or as many as the largest batch takes; those like the first one make the batch."""
UNKNOWN_COOL_DOWN = timedelta(seconds=2)
"""The cool-down after an error that names no time, such as a share of the calls that others hold."""
KNOWN_PROBLEMS = {None, *Code}


class CoolDown(Exception):
    """A batch could not run as a whole, so the merchant has no turn for this long."""

    def __init__(self, seconds: timedelta) -> None:
        super().__init__("the merchant cools down")
        self.seconds = seconds


class Batches:
    """The batches of the turns of one process. `is_crowded` returns whether other merchants wait for a turn."""

    def __init__(
        self,
        database: Database,
        kinds: Iterable[Kind],
        deps: object,
        metrics: Metrics,
        turns: LeasedTurns,
        is_crowded: Callable[[], bool],
    ) -> None:
        self._database = database
        self._clock = database.clock
        self._kinds = {kind.name: kind for kind in kinds}
        self._take = max(TAKE, *(kind.batch for kind in self._kinds.values()), 0)
        self._deps = deps
        self._metrics = metrics
        self._turns = turns
        self._is_crowded = is_crowded

    async def run_next(self, merchant_id: str) -> bool:
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
        batch = Batch(merchant_id, rows, self._database, self._turns.token)
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
            self._turns.token,
            kind.delayed,
            kind.delayed_after,
            is_crowded=self._is_crowded,
            holds_lease=lambda: self._turns.holds_lease(merchant_id),
            take_further=partial(self._take_further, kind),
            has_further=has_further,
        )


def _alike(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that can be in one batch with the first of these.

    They have its priority: thousands of bulk rows beside a live one would delay it, and be called for as live ones.
    """
    first = rows[0].kind, rows[0].priority, rows[0].problem in KNOWN_PROBLEMS
    return [row for row in rows if (row.kind, row.priority, row.problem in KNOWN_PROBLEMS) == first]


def _joins(row: Row, batch: Batch) -> bool:
    """Return whether a row can join a batch, whose calls have one priority."""
    return row.kind == batch.kind and row.priority == batch.priority and row.problem in KNOWN_PROBLEMS
