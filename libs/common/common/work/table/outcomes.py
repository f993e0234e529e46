"""The outcomes of a batch, written to its rows while the merchant's lease is held."""

from collections.abc import Sequence

from common.db.unit import Unit
from common.text import clean
from common.work.row import Hold, Repeat, Retry, Row
from common.work.table.waiting import add_waiting, subtract_waiting

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

# A key that was marked during the work, or whose problem was released during the work, is due at once instead of later
# or held: its outcome was about its older state. The fence locks the lease, so no release can commit in between.
POSTPONED = """
UPDATE work SET due_at = CASE WHEN (work.seq = later.seq OR later.failed)
        AND later.releases -> coalesce(later.problem, work.problem)
            IS NOT DISTINCT FROM (SELECT releases -> coalesce(later.problem, work.problem) FROM lease WHERE name = $1)
        THEN later.due_at ELSE $3 END,
    attempts = CASE WHEN NOT later.failed THEN 0 WHEN later.counted THEN work.attempts + 1 ELSE work.attempts END,
    error = nullif(later.error, ''),
    problem = coalesce(later.problem, work.problem),
    subject = coalesce(nullif(later.subject, ''), work.subject),
    failing_since = CASE WHEN later.failed THEN coalesce(work.failing_since, $3) END
FROM unnest($4::text[], $5::integer[], $6::timestamptz[], $7::boolean[], $8::text[], $9::text[], $10::text[],
    $11::boolean[], $12::jsonb[]) AS later (key, seq, due_at, failed, error, problem, subject, counted, releases)
WHERE work.merchant_id = $1 AND work.kind = $2 AND work.key = later.key
"""

HELD = """
UPDATE work SET due_at = $4, problem = $3, error = nullif(held.error, ''), attempts = 0, failing_since = NULL,
    subject = coalesce(nullif(held.subject, ''), work.subject),
    held = work.seq = held.seq
        AND held.releases -> $3 IS NOT DISTINCT FROM (SELECT releases -> $3 FROM lease WHERE name = $1)
FROM unnest($5::text[], $6::integer[], $7::text[], $8::jsonb[], $9::text[])
    AS held (key, seq, error, releases, subject)
WHERE work.merchant_id = $1 AND work.kind = $2 AND work.key = held.key
"""

MORE = """
UPDATE work SET due_at = $3, attempts = 0, error = NULL, failing_since = NULL
WHERE merchant_id = $1 AND kind = $2 AND key = ANY($4)
"""

# Units insert their marks in this order too, so that outcomes and marks do not deadlock.
LOCK = """
SELECT FROM work WHERE merchant_id = $1 AND kind = $2 AND key = ANY($3) ORDER BY key COLLATE "C" FOR UPDATE
"""


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
        await subtract_waiting(unit, merchant_id, [row for row, _ in done], done=True)


async def _delete(unit: Unit, merchant_id: str, kind: str, rows: Sequence[Row], *, done: bool) -> None:
    if rows:
        await unit.conn.execute(FINISHED, merchant_id, kind, [row.key for row in rows], [row.seq for row in rows])
        await _due_again(unit, merchant_id, kind, [(row, Repeat(unit.now)) for row in rows])
        await subtract_waiting(unit, merchant_id, rows, done=done)


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
            [retry.counted for _, retry in later],
            [row.releases for row, _ in later],
        )
        for problem in sorted({retry.problem for _, retry in later if retry.problem}):
            await add_waiting(unit, merchant_id, problem, [row for row, retry in later if retry.problem == problem])


async def more(unit: Unit, merchant_id: str, kind: str, rows: Sequence[Row]) -> None:
    """Let rows whose slice is over stay due, behind those of their priority that are due already."""
    if rows:
        await unit.conn.execute(MORE, merchant_id, kind, unit.now, [row.key for row in rows])


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
        await add_waiting(unit, merchant_id, problem, [row for row, _ in chosen], always=is_new)
