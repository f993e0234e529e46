"""The work table: every SQL statement that the engine or a service runs on it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from common.contracts.problems import MAX_AFFECTED, Affected, Code, ProblemClosed, ProblemOpened
from common.db.unit import Connection, Unit
from common.text import clean
from common.work.batch import Hold, Repeat, Retry, Row


@dataclass(frozen=True)
class State:
    """The state of one key's work: held for a person, or to be attempted at `due_at`."""

    held: bool
    problem: str | None
    reason: str | None
    due_at: datetime


MAX_SUBJECT, MAX_REASON = 200, 500
"""Lengths to which a problem event shortens the subject and the reason of what it affects."""

EARLIEST = """
SELECT merchant_id, due_at FROM first_due
WHERE NOT EXISTS (SELECT FROM lease WHERE name = merchant_id AND expires_at > now()) ORDER BY due_at
"""
DUE = """
SELECT id, kind, key, seq, attempts, problem, trace,
    coalesce((SELECT releases FROM lease WHERE name = $1), '{}') AS releases,
    error AS reason, subject, failing_since
FROM work
WHERE merchant_id = $1 AND NOT held AND due_at <= $2 ORDER BY priority, id LIMIT $3
"""

FINISHED = """
DELETE FROM work USING unnest($3::text[], $4::integer[]) AS done (key, seq)
WHERE work.merchant_id = $1 AND work.kind = $2 AND work.key = done.key AND work.seq = done.seq
"""

# A key that was marked during the work (its seq has grown) is due at once.
REPEATED = """
UPDATE work SET attempts = 0, error = NULL, problem = NULL, failing_since = NULL,
    due_at = CASE WHEN work.seq = done.seq THEN done.due_at ELSE $3 END
FROM unnest($4::text[], $5::integer[], $6::timestamptz[]) AS done (key, seq, due_at)
WHERE work.merchant_id = $1 AND work.kind = $2 AND work.key = done.key
"""

POSTPONED = """
UPDATE work SET due_at = CASE WHEN work.seq = later.seq OR later.failed THEN later.due_at ELSE $3 END,
    attempts = CASE WHEN later.failed THEN work.attempts + 1 ELSE 0 END, error = nullif(later.error, ''),
    problem = coalesce(later.problem, work.problem),
    subject = coalesce(nullif(later.subject, ''), work.subject),
    failing_since = CASE WHEN later.failed THEN coalesce(work.failing_since, $3) END
FROM unnest($4::text[], $5::integer[], $6::timestamptz[], $7::boolean[], $8::text[], $9::text[], $10::text[])
    AS later (key, seq, due_at, failed, error, problem, subject)
WHERE work.merchant_id = $1 AND work.kind = $2 AND work.key = later.key
"""

# A key that was marked during the work, or whose problem was released during the work, is due at once instead of held:
# the refusal was about its older state. The fence locks the lease, so no release can commit in between.
HELD = """
UPDATE work SET due_at = $4, problem = $3, error = nullif(held.error, ''), attempts = 0, failing_since = NULL,
    subject = coalesce(nullif(held.subject, ''), work.subject),
    held = work.seq = held.seq
        AND held.releases -> $3 IS NOT DISTINCT FROM (SELECT releases -> $3 FROM lease WHERE name = $1)
FROM unnest($5::text[], $6::integer[], $7::text[], $8::jsonb[], $9::text[])
    AS held (key, seq, error, releases, subject)
WHERE work.merchant_id = $1 AND work.kind = $2 AND work.key = held.key
"""

# Units insert their marks in this order too, so that outcomes and marks do not deadlock.
LOCK = """
SELECT FROM work WHERE merchant_id = $1 AND kind = $2 AND key = ANY($3) ORDER BY key COLLATE "C" FOR UPDATE
"""

COUNT_RELEASE = """
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
SELECT id, kind, key, state, problem, error AS reason, subject, attempts, due_at, queued_at, failing_since
FROM work CROSS JOIN LATERAL (
    SELECT CASE WHEN held THEN 'held' WHEN due_at <= $2 THEN 'due' ELSE 'waiting' END AS state
) known
WHERE merchant_id = $1 AND id > $6 AND ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR kind = $4)
    AND ($5::text IS NULL OR problem = $5)
ORDER BY id LIMIT $7
"""

STATES = """
SELECT key, held, problem, error AS reason, due_at FROM work WHERE merchant_id = $1 AND kind = $2 AND key = ANY($3)
"""

RETRY_ROW = """
UPDATE work SET held = false, due_at = $3, attempts = 0, seq = seq + 1
WHERE merchant_id = $1 AND id = $2 RETURNING id
"""

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


async def earliest(conn: Connection) -> list[tuple[str, datetime]]:
    """Return each merchant with work and no lease, with the due time of its first row, soonest first."""
    return [(row["merchant_id"], row["due_at"]) for row in await conn.fetch(EARLIEST)]


async def due(conn: Connection, merchant_id: str, now: datetime, limit: int) -> list[Row]:
    """Return the merchant's due rows by priority, then by age."""
    return [Row(**row) for row in await conn.fetch(DUE, merchant_id, now, limit)]


async def lock(unit: Unit, merchant_id: str, rows: Sequence[Row]) -> None:
    """Lock these rows, all of one kind, before their outcomes are written."""
    await unit.conn.execute(LOCK, merchant_id, rows[0].kind, [row.key for row in rows])


async def finish(unit: Unit, merchant_id: str, kind: str, rows: Sequence[Row]) -> None:
    """Delete finished rows; a row that was marked during the work stays and is due at once."""
    await _delete(unit, merchant_id, kind, rows, done=True)


async def drop_rows(unit: Unit, merchant_id: str, kind: str, rows: Sequence[Row]) -> None:
    """Delete rows that are no longer wanted, as `finish` does, without counting them as gone through."""
    await _delete(unit, merchant_id, kind, rows, done=False)


async def repeat(unit: Unit, merchant_id: str, kind: str, done: Sequence[tuple[Row, Repeat]]) -> None:
    """Make finished rows due again, and take them out of the problems they waited under."""
    if done:
        await _due_again(unit, merchant_id, kind, done)
        await _subtract_waiting(unit, merchant_id, [row for row, _ in done], done=True)


async def _delete(unit: Unit, merchant_id: str, kind: str, rows: Sequence[Row], *, done: bool) -> None:
    if rows:
        await unit.conn.execute(FINISHED, merchant_id, kind, [row.key for row in rows], [row.seq for row in rows])
        await _due_again(unit, merchant_id, kind, [(row, Repeat(unit.now)) for row in rows])
        await _subtract_waiting(unit, merchant_id, rows, done=done)


async def _due_again(unit: Unit, merchant_id: str, kind: str, done: Sequence[tuple[Row, Repeat]]) -> None:
    keys, seqs, due = [row.key for row, _ in done], [row.seq for row, _ in done], [each.due for _, each in done]
    await unit.conn.execute(REPEATED, merchant_id, kind, unit.now, keys, seqs, due)


async def postpone(unit: Unit, merchant_id: str, kind: str, later: Sequence[tuple[Row, Retry]]) -> None:
    """Make rows due later; a failed row counts one more attempt, and a row with a problem counts as waiting."""
    if later:
        await unit.conn.execute(
            POSTPONED,
            merchant_id,
            kind,
            unit.now,
            [row.key for row, _ in later],
            [row.seq for row, _ in later],
            [retry.due for _, retry in later],
            [retry.failed for _, retry in later],
            [clean(retry.reason) for _, retry in later],
            [retry.problem for _, retry in later],
            [clean(retry.subject) for _, retry in later],
        )
        for problem in sorted({retry.problem for _, retry in later if retry.problem}):
            await _add_waiting(unit, merchant_id, problem, [row for row, retry in later if retry.problem == problem])


async def hold(unit: Unit, merchant_id: str, kind: str, held: Sequence[tuple[Row, Hold]]) -> None:
    """Hold rows for a person, and emit each of their problems with the number of rows that now wait under it."""
    for problem in sorted({each.problem for _, each in held}):
        chosen = [(row, each) for row, each in held if each.problem == problem]
        await unit.conn.execute(
            HELD,
            merchant_id,
            kind,
            problem,
            unit.now,
            [row.key for row, _ in chosen],
            [row.seq for row, _ in chosen],
            [clean(each.reason) for _, each in chosen],
            [row.releases for row, _ in chosen],
            [clean(each.subject) for _, each in chosen],
        )
        is_new = any(
            (row.reason or "", row.subject) != (clean(each.reason), clean(each.subject)) for row, each in chosen
        )
        await _add_waiting(unit, merchant_id, problem, [row for row, _ in chosen], always=is_new)


async def release(unit: Unit, merchant_id: str, problem: Code) -> int:
    """Make every row held under this problem due again, oldest first, and return their number.

    The problem closes when the last of these rows has succeeded, not before.
    """
    await unit.conn.execute(COUNT_RELEASE, merchant_id, problem)
    released = await unit.conn.fetch(RELEASE, merchant_id, problem, unit.now)
    unit.notify("work")
    return len(released)


async def retry(unit: Unit, merchant_id: str, kind: str, key: str) -> bool:
    """Make this key due now, held or not; return whether it exists."""
    unit.notify("work")
    return bool(await unit.conn.fetch(RETRY, merchant_id, kind, key, unit.now))


async def kind_and_key(conn: Connection, merchant_id: str, row_id: int) -> tuple[str, str] | None:
    """Return the kind and the key of the row of this id."""
    row = await conn.fetchrow("SELECT kind, key FROM work WHERE merchant_id = $1 AND id = $2", merchant_id, row_id)
    return (row["kind"], row["key"]) if row else None


async def retry_row(unit: Unit, merchant_id: str, row_id: int) -> bool:
    """Make the row of this id due now, held or not; return whether it exists."""
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
    """Return the merchant's rows that match, oldest first, from ids greater than `after`."""
    return list(await conn.fetch(LISTED, merchant_id, now, state, kind, problem, after, limit))


async def states(conn: Connection, merchant_id: str, kind: str, keys: Sequence[str]) -> dict[str, State]:
    """Return the state of each of these keys that has work, for one page of a list; absent keys are done."""
    rows = await conn.fetch(STATES, merchant_id, kind, list(keys))
    return {row["key"]: State(row["held"], row["problem"], row["reason"], row["due_at"]) for row in rows}


async def drop(unit: Unit, merchant_id: str, kind: str, key: str) -> bool:
    """Delete this key if it is held, and return whether it was; any other key is left to the worker."""
    rows = [Row(**row) for row in await unit.conn.fetch(DROP, merchant_id, kind, key)]
    await _subtract_waiting(unit, merchant_id, rows, done=False)
    return bool(rows)


async def _add_waiting(
    unit: Unit, merchant_id: str, problem: Code, rows: Sequence[Row], *, always: bool = False
) -> None:
    """Count the rows that newly wait under this problem, and emit it; with `always`, emit it even without new rows."""
    others = [row for row in rows if row.problem != problem]
    if others:
        await _subtract_waiting(unit, merchant_id, others, done=False)
    if others or always:
        since = min((row.failing_since for row in others if row.failing_since), default=None)
        [count] = await unit.conn.fetch(ADD_WAITING, merchant_id, problem, unit.now, len(others), since)
        await _emit_opened(unit, merchant_id, problem, count)


async def _subtract_waiting(unit: Unit, merchant_id: str, rows: Sequence[Row], *, done: bool) -> None:
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
