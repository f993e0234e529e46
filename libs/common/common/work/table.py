"""The work table: every SQL statement the engine runs on it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import asyncpg

from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.db.unit import Connection, Unit
from common.text import clean
from common.work.batch import Hold, Repeat, Retry, Row

EARLIEST = """
SELECT merchant_id, due_at FROM first_due
WHERE NOT EXISTS (SELECT FROM lease WHERE name = merchant_id AND expires_at > now()) ORDER BY due_at
"""
DUE = """
SELECT id, kind, key, seq, attempts, problem, trace,
    coalesce((SELECT releases FROM lease WHERE name = $1), '{}') AS releases
FROM work
WHERE merchant_id = $1 AND NOT held AND due_at <= $2 ORDER BY priority, id LIMIT $3
"""

FINISHED = """
DELETE FROM work USING unnest($3::text[], $4::integer[]) AS done (key, seq)
WHERE work.merchant_id = $1 AND work.kind = $2 AND work.key = done.key AND work.seq = done.seq
"""

# What was asked for again meanwhile is taken again at once.
RECURS = """
UPDATE work SET attempts = 0, error = NULL, problem = NULL,
    due_at = CASE WHEN work.seq = done.seq THEN done.due_at ELSE $3 END
FROM unnest($4::text[], $5::integer[], $6::timestamptz[]) AS done (key, seq, due_at)
WHERE work.merchant_id = $1 AND work.kind = $2 AND work.key = done.key
"""

POSTPONED = """
UPDATE work SET due_at = CASE WHEN work.seq = later.seq OR later.failed THEN later.due_at ELSE $3 END,
    attempts = CASE WHEN later.failed THEN work.attempts + 1 ELSE 0 END, error = nullif(later.error, ''),
    problem = coalesce(later.problem, work.problem)
FROM unnest($4::text[], $5::integer[], $6::timestamptz[], $7::boolean[], $8::text[], $9::text[])
    AS later (key, seq, due_at, failed, error, problem)
WHERE work.merchant_id = $1 AND work.kind = $2 AND work.key = later.key
"""

# What was asked for again meanwhile is not held for what it was before, nor what was released meanwhile for that same
# problem: it is due at once. The lease is held fast by the fence of this transaction; no release comes in between.
HELD = """
UPDATE work SET due_at = $4, problem = $3, error = nullif(held.error, ''), attempts = 0,
    held = work.seq = held.seq
        AND held.releases -> $3 IS NOT DISTINCT FROM (SELECT releases -> $3 FROM lease WHERE name = $1)
FROM unnest($5::text[], $6::integer[], $7::text[], $8::jsonb[]) AS held (key, seq, error, releases)
WHERE work.merchant_id = $1 AND work.kind = $2 AND work.key = held.key
"""

# In the order of those who write outcomes and of those who mark, so that they do not deadlock.
LOCK = """
SELECT FROM work WHERE merchant_id = $1 AND kind = $2 AND key = ANY($3) ORDER BY key COLLATE "C" FOR UPDATE
"""

NOTE_RELEASE = """
UPDATE lease SET releases = jsonb_set(releases, ARRAY[$2], to_jsonb(coalesce((releases ->> $2)::integer, 0) + 1))
WHERE name = $1
"""
RELEASE = """
UPDATE work SET held = false, due_at = $3, attempts = 0
WHERE merchant_id = $1 AND problem = $2 AND held RETURNING id
"""

RETRY = """
UPDATE work SET held = false, due_at = $4, attempts = 0, seq = seq + 1
WHERE merchant_id = $1 AND kind = $2 AND key = $3 RETURNING id
"""

DROP = """
DELETE FROM work WHERE merchant_id = $1 AND kind = $2 AND key = $3 AND held
RETURNING id, kind, key, seq, attempts, problem, trace
"""

LISTED = """
SELECT id, kind, key, state, problem, error AS reason, attempts, due_at, queued_at
FROM work CROSS JOIN LATERAL (
    SELECT CASE WHEN held THEN 'held' WHEN due_at <= $2 THEN 'due' ELSE 'waiting' END AS state
) known
WHERE merchant_id = $1 AND id > $6 AND ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR kind = $4)
    AND ($5::text IS NULL OR problem = $5)
ORDER BY id LIMIT $7
"""

RETRY_ROW = """
UPDATE work SET held = false, due_at = $3, attempts = 0, seq = seq + 1
WHERE merchant_id = $1 AND id = $2 RETURNING id
"""

MORE_WAIT = """
INSERT INTO problem (merchant_id, code, subject, opened_at, waiting) VALUES ($1, $2, '', $3, $4)
ON CONFLICT (merchant_id, code, subject) DO UPDATE SET
    waiting = problem.waiting + excluded.waiting, revision = problem.revision + 1
RETURNING waiting, opened_at, revision
"""
FEWER_WAIT = """
UPDATE problem SET waiting = greatest(waiting - $3, 0), resumed_count = resumed_count + $4, revision = revision + 1
WHERE merchant_id = $1 AND code = $2 AND subject = '' RETURNING waiting, resumed_count, opened_at, revision
"""
SOLVED = "DELETE FROM problem WHERE merchant_id = $1 AND code = $2 AND subject = ''"


async def earliest(conn: Connection) -> list[tuple[str, datetime]]:
    """Each merchant with work that nobody is on, and when its first row is due, soonest first."""
    return [(row["merchant_id"], row["due_at"]) for row in await conn.fetch(EARLIEST)]


async def due(conn: Connection, merchant_id: str, now: datetime, limit: int) -> list[Row]:
    """The due rows of the merchant by priority, then by age."""
    return [Row(**row) for row in await conn.fetch(DUE, merchant_id, now, limit)]


async def lock(unit: Unit, merchant_id: str, rows: Sequence[Row]) -> None:
    """Hold these rows, of one kind, fast before their outcomes are written."""
    await unit.conn.execute(LOCK, merchant_id, rows[0].kind, [row.key for row in rows])


async def finish(unit: Unit, merchant_id: str, kind: str, rows: Sequence[Row]) -> None:
    """These are done; those asked for again meanwhile stay, due at once."""
    if rows:
        await unit.conn.execute(FINISHED, merchant_id, kind, [row.key for row in rows], [row.seq for row in rows])
        await recur(unit, merchant_id, kind, [(row, Repeat(unit.now)) for row in rows])


async def recur(unit: Unit, merchant_id: str, kind: str, done: Sequence[tuple[Row, Repeat]]) -> None:
    """These are done, so that no problem waits for them, and wanted again when due."""
    if done:
        rows = [row for row, _ in done]
        keys, seqs, due = [row.key for row in rows], [row.seq for row in rows], [each.due for _, each in done]
        await unit.conn.execute(RECURS, merchant_id, kind, unit.now, keys, seqs, due)
        await _fewer_wait(unit, merchant_id, rows, done=True)


async def postpone(unit: Unit, merchant_id: str, kind: str, later: Sequence[tuple[Row, Retry]]) -> None:
    """These are taken again when due; the ones that failed count one more try, and a problem of theirs is told."""
    if later:
        await unit.conn.execute(
            POSTPONED,
            merchant_id,
            kind,
            unit.now,
            [row.key for row, _ in later],
            [row.seq for row, _ in later],
            [wait.due for _, wait in later],
            [wait.failed for _, wait in later],
            [clean(wait.reason) for _, wait in later],
            [wait.problem for _, wait in later],
        )
        for problem in sorted({wait.problem for _, wait in later if wait.problem}):
            await _wait_for(unit, merchant_id, problem, [row for row, wait in later if wait.problem == problem])


async def hold(unit: Unit, merchant_id: str, kind: str, held: Sequence[tuple[Row, Hold]]) -> None:
    """These wait for a person; each problem among them is told with the number that now wait for it."""
    for problem in sorted({need.problem for _, need in held}):
        rows = [row for row, need in held if need.problem == problem]
        reasons = [clean(need.reason) for _, need in held if need.problem == problem]
        keys, seqs, releases = zip(*((row.key, row.seq, row.releases) for row in rows), strict=True)
        await unit.conn.execute(HELD, merchant_id, kind, problem, unit.now, keys, seqs, reasons, releases)
        await _wait_for(unit, merchant_id, problem, rows)


async def release(unit: Unit, merchant_id: str, problem: Code) -> int:
    """Take everything that waits for this problem again, oldest first; how many that is.

    The problem stays open until the last of them went through, and only then is told as solved.
    """
    await unit.conn.execute(NOTE_RELEASE, merchant_id, problem)
    released = await unit.conn.fetch(RELEASE, merchant_id, problem, unit.now)
    unit.notify("work")
    return len(released)


async def retry(unit: Unit, merchant_id: str, kind: str, key: str) -> bool:
    """Take this one now, held or not; whether there is such a row."""
    unit.notify("work")
    return bool(await unit.conn.fetch(RETRY, merchant_id, kind, key, unit.now))


async def retry_row(unit: Unit, merchant_id: str, row_id: int) -> bool:
    """The same for the row of this id."""
    unit.notify("work")
    return bool(await unit.conn.fetch(RETRY_ROW, merchant_id, row_id, unit.now))


async def listed(
    conn: Connection,
    merchant_id: str,
    now: datetime,
    *,
    state: str | None,
    kind: str | None,
    problem: str | None,
    after: int,
    limit: int,
) -> list[asyncpg.Record]:
    """The merchant's rows with an id beyond `after`, oldest first, as far as they are what is asked for."""
    return list(await conn.fetch(LISTED, merchant_id, now, state, kind, problem, after, limit))


async def drop(unit: Unit, merchant_id: str, kind: str, key: str) -> bool:
    """What waits for a person here is not wanted any more; whether it did. What does not wait is left to the worker."""
    rows = [Row(**row) for row in await unit.conn.fetch(DROP, merchant_id, kind, key)]
    await _fewer_wait(unit, merchant_id, rows, done=False)
    return bool(rows)


async def _wait_for(unit: Unit, merchant_id: str, problem: Code, rows: Sequence[Row]) -> None:
    """Count those of these rows that have not waited for this problem before, and tell how many now do."""
    others = [row for row in rows if row.problem != problem]
    if others:
        await _fewer_wait(unit, merchant_id, others, done=False)
        [count] = await unit.conn.fetch(MORE_WAIT, merchant_id, problem, unit.now, len(others))
        _tell_opened(unit, merchant_id, problem, count)


async def _fewer_wait(unit: Unit, merchant_id: str, rows: Sequence[Row], *, done: bool) -> None:
    counts = Counter(row.problem for row in rows if row.problem)
    for problem, count in sorted(counts.items()):
        left = await unit.conn.fetchrow(FEWER_WAIT, merchant_id, problem, count, count if done else 0)
        if left is None:
            continue
        if left["waiting"]:
            _tell_opened(unit, merchant_id, Code(problem), left)
        else:
            await unit.conn.execute(SOLVED, merchant_id, problem)
            unit.emit(
                ProblemClosed(
                    merchant_id=merchant_id,
                    code=Code(problem),
                    resumed_count=left["resumed_count"],
                    opened_at=left["opened_at"],
                )
            )


def _tell_opened(unit: Unit, merchant_id: str, problem: Code, count: asyncpg.Record) -> None:
    told = {name: count[name] for name in ("waiting", "opened_at", "revision")}
    unit.emit(ProblemOpened(merchant_id=merchant_id, code=problem, **told))
