"""Writes the outcomes of a batch in one transaction, together with the writes of the kind's hook."""

import asyncio
from dataclasses import replace

from common.backoff import backoff_delay
from common.contracts.problems import Code
from common.db.lease import LeaseLost
from common.errors import Conflict
from common.telemetry.metrics import Metrics
from common.work import run, table
from common.work.batch import Batch
from common.work.kind import OutcomeHook
from common.work.row import Drop, Hold, More, NotStarted, Repeat, Retry

WRITE_ATTEMPTS = 4


async def write(batch: Batch, on_outcomes: OutcomeHook, metrics: Metrics) -> None:
    """Write the outcomes; on a conflict write them again, because the Clover calls are already made."""
    for attempt in range(1, WRITE_ATTEMPTS):
        try:
            return await _write_once(batch, on_outcomes, metrics)
        except LeaseLost:
            raise
        except Conflict:  # the other transaction ends in real time, not by the clock of a test
            await asyncio.sleep(backoff_delay(attempt, first=0.05).total_seconds())
    return await _write_once(batch, on_outcomes, metrics)


async def _write_once(batch: Batch, on_outcomes: OutcomeHook, metrics: Metrics) -> None:
    names = batch.merchant_id, batch.kind
    ended = [row.key for row in batch.rows if _ends_run(batch, row.key)]
    rows = [replace(row, seq=batch.runs[row.key].seq) if row.key in ended else row for row in batch.rows]
    outcomes = [(row, batch.outcomes.get(row.key)) for row in rows]
    reached = [(row.key, outcome) for row, outcome in outcomes if not isinstance(outcome, More | NotStarted)]
    async with batch.unit() as unit:
        if reached:
            kept = {key: None if isinstance(outcome, Drop) else outcome for key, outcome in reached}
            await on_outcomes(unit, batch.merchant_id, kept)
        await table.lock(unit, batch.merchant_id, batch.rows)
        await table.finish(unit, *names, [row for row, each in outcomes if each is None])
        await table.drop_rows(unit, *names, [row for row, each in outcomes if isinstance(each, Drop)])
        await table.repeat(unit, *names, [(row, each) for row, each in outcomes if isinstance(each, Repeat)])
        await table.more(unit, *names, [row for row, each in outcomes if isinstance(each, More)])
        await table.postpone(unit, *names, [(row, each) for row, each in outcomes if isinstance(each, Retry)])
        await table.hold(unit, *names, [(row, each) for row, each in outcomes if isinstance(each, Hold)])
        if ended:
            await run.end(unit, *names, ended)
    for row, outcome in outcomes:
        metrics.work_outcomes.labels(row.kind, type(outcome).__name__ if outcome else "Done").inc()


def _ends_run(batch: Batch, key: str) -> bool:
    """Return whether the outcome of this key ends its run. It then asks for another run if it was marked since.

    Any other outcome answers the marks of before this slice, or each slice after a mark would be attempted at once.
    """
    return key in batch.runs and not isinstance(batch.outcomes.get(key), More | NotStarted | Retry | Hold)


def fail(batch: Batch, error: Exception, refused: Code) -> None:
    """Give each key that is not done and has no outcome the one that this error means."""
    for key in batch.keys:
        if key not in batch.outcomes and key not in batch.done:
            batch.record(key, error, refused)
