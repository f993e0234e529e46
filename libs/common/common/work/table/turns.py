"""Finds due work: the merchants, in the order of their turns, and the rows of one merchant.

`due_merchant` has a row for each merchant with work. It is due at the earliest due time of its rows, but stands behind
all that already wait once it had a turn. A merchant with work that is more urgent than background work has its turn
before the others, and waits in a line of such merchants only. A merchant that cools down is not ready before
`cools_until`. Every statement here costs the same however many merchants or rows there are.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from common.db.unit import Connection, Priority, Unit
from common.work.row import Row

LONGEST_COOL_DOWN = timedelta(seconds=30)
"""Upper bound of the cool-down, so a manual Retry is never delayed longer. A longer Retry-After is enforced by the
rate limiter."""

PRIORITIES = sorted(Priority)
REPAIRED_AT_ONCE = 1000
"""Merchants per statement, so that each ends well within the statement timeout."""

# Times in subqueries are hidden from the planner, which else probes the ends of the indexes for its estimates; with
# many merchants that took as long as the look itself.
# Two replicas that look at once skip each other's rows. The row lock does not conflict with those of marks, so a
# merchant that is marked all the time is found all the same.
TAKE = """
WITH urgent AS MATERIALIZED (
    SELECT merchant_id FROM due_merchant
    WHERE urgent_at <= (SELECT $1::timestamptz) AND urgent_due_at < 'infinity' AND merchant_id <> ALL($2)
        AND NOT EXISTS (SELECT FROM lease WHERE name = merchant_id AND expires_at > (SELECT now()))
    ORDER BY urgent_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
), others AS (
    SELECT merchant_id FROM due_merchant
    WHERE ready_at <= (SELECT $1::timestamptz) AND merchant_id <> ALL($2)
        AND merchant_id NOT IN (SELECT merchant_id FROM urgent)
        AND NOT EXISTS (SELECT FROM lease WHERE name = merchant_id AND expires_at > (SELECT now()))
    ORDER BY ready_at LIMIT least($6, $3 - (SELECT count(*) FROM urgent)) FOR NO KEY UPDATE SKIP LOCKED
), ready AS (
    SELECT merchant_id, true AS is_urgent FROM urgent UNION ALL SELECT merchant_id, false FROM others
), taken AS (
    INSERT INTO lease (name, token, expires_at) SELECT merchant_id, $4, now() + $5 FROM ready ORDER BY merchant_id
    ON CONFLICT (name) DO UPDATE SET token = excluded.token, expires_at = excluded.expires_at
    WHERE lease.expires_at <= now()
    RETURNING name
)
SELECT name, is_urgent FROM taken JOIN ready ON merchant_id = name
"""

NEXT_READY = """
SELECT least(
    (SELECT ready_at FROM due_merchant WHERE ready_at > (SELECT $1::timestamptz) ORDER BY ready_at LIMIT 1),
    (SELECT urgent_at FROM due_merchant WHERE urgent_at > (SELECT $1::timestamptz) AND urgent_due_at < 'infinity'
        ORDER BY urgent_at LIMIT 1)
)
"""

WAITING = "SELECT merchant_id FROM due_merchant WHERE ready_at <= $1 ORDER BY ready_at LIMIT $2"

DUE = """
SELECT id, kind, key, seq, attempts, problem, trace,
    coalesce((SELECT releases FROM lease WHERE name = $1), '{}') AS releases,
    error AS reason, subject, failing_since, first.priority
FROM unnest($4::smallint[]) AS level (priority) CROSS JOIN LATERAL (
    SELECT * FROM work
    WHERE merchant_id = $1 AND work.priority = level.priority AND NOT held AND due_at <= $2 ORDER BY due_at, id LIMIT $3
) AS first
ORDER BY first.priority, due_at, id LIMIT $3
"""

# The lease is locked before the merchant's row, as units lock their marks last. A row that is not `quiet` is being
# marked right now; it is left due, because the mark cannot be seen yet.
RELEASE_LEASE = """
WITH released AS (DELETE FROM lease WHERE name = $1 AND token = $2 RETURNING name)
SELECT EXISTS (SELECT FROM due_merchant WHERE merchant_id = name FOR UPDATE SKIP LOCKED) AS quiet
FROM released
"""

# Runs after RELEASE_LEASE in the same transaction, as a statement of its own: it must see the marks that committed
# before the lock was taken.
END_TURN = """
WITH next AS (
    SELECT min(first.due_at) AS due_at, min(first.due_at) FILTER (WHERE level.priority < $6) AS urgent_due_at
    FROM unnest($2::smallint[]) AS level (priority) CROSS JOIN LATERAL (
        SELECT due_at FROM work
        WHERE merchant_id = $1 AND work.priority = level.priority AND NOT held ORDER BY due_at LIMIT 1
    ) AS first
), over AS (
    DELETE FROM due_merchant USING next WHERE merchant_id = $1 AND $4 AND next.due_at IS NULL
)
UPDATE due_merchant SET due_at = CASE WHEN $4 THEN greatest(next.due_at, $3) ELSE $3 END,
    urgent_due_at = CASE WHEN NOT $4 THEN $3 WHEN next.urgent_due_at IS NULL THEN 'infinity'
        ELSE greatest(next.urgent_due_at, $3) END,
    cools_until = $5
FROM next WHERE merchant_id = $1 AND NOT ($4 AND next.due_at IS NULL)
"""

# A merchant with a backlog is due since the end of its last turn, which is later than its first row on purpose.
REPAIR = """
WITH RECURSIVE merchants AS (
    (SELECT merchant_id FROM work WHERE NOT held AND merchant_id > $1 ORDER BY merchant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT w.merchant_id FROM work w WHERE NOT held AND w.merchant_id > m.merchant_id ORDER BY 1 LIMIT 1)
    FROM merchants m WHERE m.merchant_id IS NOT NULL
), portion AS (
    SELECT merchant_id FROM merchants WHERE merchant_id IS NOT NULL LIMIT $2
), mended AS (
    INSERT INTO due_merchant (merchant_id, due_at)
    SELECT merchant_id, next.due_at FROM portion CROSS JOIN LATERAL (
        SELECT min(first.due_at) AS due_at FROM unnest($3::smallint[]) AS level (priority) CROSS JOIN LATERAL (
            SELECT due_at FROM work w WHERE w.merchant_id = portion.merchant_id AND w.priority = level.priority
                AND NOT held ORDER BY due_at LIMIT 1
        ) AS first
    ) AS next LEFT JOIN due_merchant known USING (merchant_id)
    WHERE next.due_at IS NOT NULL AND (known.due_at IS NULL OR known.cools_until > $5
        OR (known.due_at > $4 AND next.due_at < known.due_at))
    ORDER BY merchant_id
    ON CONFLICT (merchant_id) DO UPDATE SET due_at = least(due_merchant.due_at, excluded.due_at),
        cools_until = least(due_merchant.cools_until, $5)
)
SELECT max(merchant_id) FROM portion
"""

# Rows that are locked are being written by a clock that is right again.
BRING_FORWARD = """
WITH later AS (
    SELECT id FROM work WHERE NOT held AND due_at > $1 ORDER BY merchant_id, kind, key COLLATE "C"
    FOR UPDATE SKIP LOCKED
)
UPDATE work SET due_at = greatest(due_at - $2::interval, $1) FROM later WHERE work.id = later.id
"""


async def take(
    conn: Connection,
    now: datetime,
    limit: int,
    token: UUID,
    ttl: timedelta,
    *,
    besides: Collection[str] = (),
    background: int | None = None,
) -> dict[str, bool]:
    """Lease the merchants that are ready and free; return whether each was taken because of urgent work.

    Those with urgent work come first, then at most `background` others; in each line the longest waiting come first.
    Those named by `besides` are left out: this process still works for them.
    """
    most = limit if background is None else min(background, limit)
    rows = await conn.fetch(TAKE, now, list(besides), limit, token, ttl, most)
    return {row["name"]: row["is_urgent"] for row in rows}


async def waiting(conn: Connection, now: datetime, limit: int) -> list[str]:
    """Return the merchants that are ready, those that wait longest first, whether or not they are free."""
    return [row["merchant_id"] for row in await conn.fetch(WAITING, now, limit)]


async def next_ready(conn: Connection, now: datetime) -> datetime | None:
    """Return the time at which the next merchant becomes ready."""
    at: datetime | None = await conn.fetchval(NEXT_READY, now)
    return at


async def due(conn: Connection, merchant_id: str, now: datetime, limit: int) -> list[Row]:
    """Return the merchant's due rows by priority, then by the time since which they are due."""
    return [Row(**row) for row in await conn.fetch(DUE, merchant_id, now, limit, PRIORITIES)]


async def end_turn(unit: Unit, merchant_id: str, token: UUID, cool_down: timedelta = timedelta(0)) -> None:
    """Release the lease, and say when the merchant is due again; without any work left, forget it.

    The merchant is not ready before its cool-down is over. Nothing changes when the lease is no longer ours: the
    merchant is then another process's.
    """
    row = await unit.conn.fetchrow(RELEASE_LEASE, merchant_id, token)
    if row is None:
        return
    cools_until = unit.now + min(cool_down, LONGEST_COOL_DOWN)
    quiet, background = row["quiet"], Priority.BULK
    await unit.conn.execute(END_TURN, merchant_id, PRIORITIES, unit.now, quiet, cools_until, background)


async def repair(conn: Connection, now: datetime) -> None:
    """Make every merchant with work findable.

    Marks do that already. This finds the marks of an older build, rows written by hand, and merchants whose time was
    set by a clock that was ahead.
    """
    after: str | None = ""
    while after is not None:
        after = await conn.fetchval(REPAIR, after, REPAIRED_AT_ONCE, PRIORITIES, now, now + LONGEST_COOL_DOWN)


async def bring_forward(conn: Connection, now: datetime, by: timedelta) -> None:
    """Make all rows that are due later due earlier, after the clock was set back by this much."""
    await conn.execute(BRING_FORWARD, now, by)
