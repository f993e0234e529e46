"""The problems that rows wait under: how many rows, since when, and the events that report it."""

from collections import Counter
from collections.abc import Sequence

import asyncpg

from common.contracts.problems import MAX_AFFECTED, Affected, Code, ProblemClosed, ProblemOpened
from common.db.unit import Unit
from common.work.row import Row

MAX_SUBJECT, MAX_REASON = 200, 500
"""Lengths to which a problem event shortens the subject and the reason of each thing that it affects."""

ADD_WAITING = """
INSERT INTO problem (merchant_id, code, subject, opened_at, waiting, failing_since) VALUES ($1, $2, '', $3, $4, $5)
ON CONFLICT (merchant_id, code, subject) DO UPDATE SET
    waiting = problem.waiting + excluded.waiting, revision = problem.revision + 1,
    failing_since = least(problem.failing_since, excluded.failing_since)
RETURNING waiting, opened_at, revision, failing_since
"""

SUBTRACT_WAITING = """
UPDATE problem SET waiting = greatest(waiting - $3, 0), resumed_count = resumed_count + $4, revision = revision + 1
WHERE merchant_id = $1 AND code = $2 AND subject = ''
RETURNING waiting, resumed_count, opened_at, revision, failing_since
"""

AFFECTED = """
SELECT left(subject, $3) AS subject, left(coalesce(error, ''), $4) AS reason FROM work
WHERE merchant_id = $1 AND problem = $2 AND subject <> '' ORDER BY id LIMIT $5
"""

RESOLVED = "DELETE FROM problem WHERE merchant_id = $1 AND code = $2 AND subject = ''"


async def add_waiting(
    unit: Unit, merchant_id: str, problem: Code, rows: Sequence[Row], *, always: bool = False
) -> None:
    """Count the rows that newly wait under this problem, and emit it; with `always`, emit it even without new rows."""
    others = [row for row in rows if row.problem != problem]
    if others:
        await subtract_waiting(unit, merchant_id, others, done=False)
    if others or always:
        since = min((row.failing_since for row in others if row.failing_since), default=None)
        [count] = await unit.conn.fetch(ADD_WAITING, merchant_id, problem, unit.now, len(others), since)
        await _emit_opened(unit, merchant_id, problem, count)


async def subtract_waiting(unit: Unit, merchant_id: str, rows: Sequence[Row], *, done: bool) -> None:
    """Take these rows out of their problems; with `done`, they count as gone through."""
    counts = Counter(row.problem for row in rows if row.problem)
    for problem, count in sorted(counts.items()):
        left = await unit.conn.fetchrow(SUBTRACT_WAITING, merchant_id, problem, count, count if done else 0)
        if left is None:
            continue
        if left["waiting"]:
            await _emit_opened(unit, merchant_id, Code(problem), left)
        else:
            await unit.conn.execute(RESOLVED, merchant_id, problem)
            unit.emit(
                ProblemClosed(
                    merchant_id=merchant_id,
                    code=Code(problem),
                    resumed_count=left["resumed_count"],
                    opened_at=left["opened_at"],
                )
            )


async def _emit_opened(unit: Unit, merchant_id: str, problem: Code, count: asyncpg.Record) -> None:
    """Emit the problem with its counts and the oldest things that wait; their rows must be written already."""
    counts = {name: count[name] for name in ("waiting", "opened_at", "revision", "failing_since")}
    rows = await unit.conn.fetch(AFFECTED, merchant_id, problem, MAX_SUBJECT, MAX_REASON, MAX_AFFECTED)
    affected = [Affected(**row) for row in rows]
    unit.emit(ProblemOpened(merchant_id=merchant_id, code=problem, affected=affected, **counts))
