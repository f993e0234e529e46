"""Reads of work rows for lists and for the rules of a service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from common.db.unit import Connection


@dataclass(frozen=True)
class State:
    """The state of one key's work: held for a person, or to be attempted at `due_at`."""

    held: bool
    problem: str | None
    reason: str | None
    due_at: datetime


LISTED = """
SELECT id, work.kind, work.key, state, problem, error AS reason, subject, attempts, due_at, queued_at, failing_since,
    run.done, run.total, run.started_at
FROM work CROSS JOIN LATERAL (
    SELECT CASE WHEN held THEN 'held' WHEN due_at <= $2 THEN 'due' ELSE 'waiting' END AS state
) known LEFT JOIN work_run run ON run.merchant_id = work.merchant_id AND run.kind = work.kind AND run.key = work.key
    AND run.work_id = work.id AND run.cursor IS NOT NULL
WHERE work.merchant_id = $1 AND id > $6 AND ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR work.kind = $4)
    AND ($5::text IS NULL OR problem = $5)
ORDER BY id LIMIT $7
"""

STATES = """
SELECT key, held, problem, error AS reason, due_at FROM work WHERE merchant_id = $1 AND kind = $2 AND key = ANY($3)
"""


async def kind_and_key(conn: Connection, merchant_id: str, row_id: int) -> tuple[str, str] | None:
    """Return the kind and the key of the row of this id."""
    row = await conn.fetchrow("SELECT kind, key FROM work WHERE merchant_id = $1 AND id = $2", merchant_id, row_id)
    return (row["kind"], row["key"]) if row else None


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
