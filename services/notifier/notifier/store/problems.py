"""The merchants' problems, and the reports they are made of."""

from dataclasses import fields, replace
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from common.contracts.problems import Affected, Code, ProblemClosed, ProblemOpened
from common.db.unit import Connection, Unit
from common.errors import NotFound
from notifier.domain.problems import Cause, Change, Problem, Report, Step

KNOWN_CODES = list(Code)
"""Only problems with these codes are read: during an upgrade a newer replica may have written others."""

_AFFECTED: TypeAdapter[tuple[Affected, ...]] = TypeAdapter(tuple[Affected, ...])

CAUSE = """
SELECT r.opened_at, r.waiting, r.resumed_count, r.closed, r.revision, r.affected, r.failing_since, r.problem_id,
    p.resolved_at IS NULL AS is_open
FROM report r JOIN merchant_problem p ON p.id = r.problem_id
WHERE r.merchant_id = $1 AND r.code = $2 AND r.subject = $3 AND (p.resolved_at IS NULL OR r.opened_at = $4)
"""

SAVE_PROBLEM = """
INSERT INTO merchant_problem
    (id, merchant_id, code, subject, opened_at, waiting, resumed_count, resolved_at, seq, affected, failing_since)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11)
ON CONFLICT (id) DO UPDATE SET opened_at = excluded.opened_at, waiting = excluded.waiting,
    resumed_count = excluded.resumed_count, resolved_at = excluded.resolved_at, seq = excluded.seq,
    affected = excluded.affected, failing_since = excluded.failing_since
"""

SAVE_REPORT = """
INSERT INTO report
    (merchant_id, code, subject, problem_id, opened_at, waiting, resumed_count, closed, revision, affected,
     failing_since)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11)
ON CONFLICT (merchant_id, code, subject, opened_at) DO UPDATE SET waiting = excluded.waiting,
    resumed_count = excluded.resumed_count, closed = excluded.closed, revision = excluded.revision,
    affected = excluded.affected, failing_since = excluded.failing_since
"""

PROBLEMS = """
SELECT * FROM merchant_problem
WHERE merchant_id = $1 AND code = ANY($5)
    AND ($2::boolean IS NULL OR (resolved_at IS NULL) = $2) AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4
"""

LAST_RESOLVED = """
SELECT * FROM merchant_problem
WHERE merchant_id = $1 AND code = ANY($2) AND resolved_at IS NOT NULL ORDER BY resolved_at DESC LIMIT 1
"""

LOCK_PROBLEM = "SELECT * FROM merchant_problem WHERE id = $1 AND merchant_id = $2 AND code = ANY($3) FOR UPDATE"

SAVE_RECHECK = "UPDATE merchant_problem SET rechecked_at = $3, seq = $4 WHERE merchant_id = $1 AND id = $2"


async def find_cause(conn: Connection, event: ProblemOpened | ProblemClosed) -> Cause:
    """Return the reports about the cause that this event belongs to."""
    rows = await conn.fetch(CAUSE, event.merchant_id, event.code, event.subject, event.opened_at)
    current = [row for row in rows if row["is_open"]]
    return Cause(
        problem_id=current[0]["problem_id"] if current else None,
        reports={row["opened_at"]: _report_from(row) for row in current},
        finished=frozenset(row["opened_at"] for row in rows if not row["is_open"]),
    )


async def save_change(
    unit: Unit, event: ProblemOpened | ProblemClosed, problem_id: UUID, report: Report, change: Change, seq: int
) -> None:
    """Write the report, and the problem as it is after it."""
    await unit.conn.execute(
        SAVE_PROBLEM,
        problem_id,
        event.merchant_id,
        event.code,
        event.subject,
        change.opened_at,
        change.waiting,
        change.resumed_count,
        unit.now if change.step is Step.RESOLVED else None,
        seq,
        _AFFECTED.dump_json(change.affected).decode(),
        change.failing_since,
    )
    await unit.conn.execute(
        SAVE_REPORT,
        event.merchant_id,
        event.code,
        event.subject,
        problem_id,
        report.opened_at,
        report.waiting,
        report.resumed_count,
        report.closed,
        report.revision,
        _AFFECTED.dump_json(report.affected).decode(),
        report.failing_since,
    )


async def list_problems(
    conn: Connection, merchant_id: str, *, is_open: bool | None, before: UUID | None, limit: int
) -> list[Problem]:
    """Return the merchant's problems, newest first; open and resolved ones when `is_open` is None."""
    return [problem_from(row) for row in await conn.fetch(PROBLEMS, merchant_id, is_open, before, limit, KNOWN_CODES)]


async def last_resolved(conn: Connection, merchant_id: str) -> Problem | None:
    row = await conn.fetchrow(LAST_RESOLVED, merchant_id, KNOWN_CODES)
    return problem_from(row) if row else None


async def lock_problem(conn: Connection, merchant_id: str, problem_id: UUID) -> Problem:
    """Return the problem, locked until the commit. Raises NotFound."""
    row = await conn.fetchrow(LOCK_PROBLEM, problem_id, merchant_id, KNOWN_CODES)
    if row is None:
        raise NotFound("There is no such problem here.")
    return problem_from(row)


async def save_recheck(unit: Unit, problem: Problem, seq: int) -> Problem:
    """Note that a recheck was requested now."""
    await unit.conn.execute(SAVE_RECHECK, problem.merchant_id, problem.id, unit.now, seq)
    return replace(problem, rechecked_at=unit.now, seq=seq)


def problem_from(row: asyncpg.Record) -> Problem:
    """Return the problem of this row. Columns that a newer version added are ignored."""
    parsed = {"code": Code(row["code"]), "affected": _AFFECTED.validate_json(row["affected"])}
    return Problem(**{each.name: row[each.name] for each in fields(Problem)} | parsed)


def _report_from(row: asyncpg.Record) -> Report:
    parsed = {"affected": _AFFECTED.validate_json(row["affected"])}
    return Report(**{each.name: row[each.name] for each in fields(Report)} | parsed)
