"""The merchants' feeds: numbered activity and problem changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from common.contracts.envelope import Event
from common.db.unit import Connection, Unit
from notifier.domain.problems import Problem
from notifier.store.problems import KNOWN_CODES, problem_from

FEED = "feed"
"""The wake-up topic to notify after writing to a feed."""


@dataclass(frozen=True)
class Entry:
    """One entry of a merchant's feed: an event (`type`, `event`), or a problem that changed.

    It stands for `others` of the same type as well, if there are any.
    """

    merchant_id: str
    seq: int
    at: datetime | None
    type: str
    event: str
    problem: Problem | None
    others: int = 0


NEXT_SEQ = """
INSERT INTO feed AS f (merchant_id, last_seq) VALUES ($1, 1)
ON CONFLICT (merchant_id) DO UPDATE SET last_seq = f.last_seq + 1 RETURNING last_seq
"""

ADD_ACTIVITY = """
WITH next AS (
    INSERT INTO feed AS f (merchant_id, last_seq) VALUES ($1, 1)
    ON CONFLICT (merchant_id) DO UPDATE SET last_seq = f.last_seq + 1 RETURNING last_seq
)
INSERT INTO activity (merchant_id, seq, at, type, event) SELECT $1, last_seq, $2, $3, $4::jsonb FROM next
"""

TAKE_SUMMARY = """
DELETE FROM activity WHERE merchant_id = $1 AND seq = $2 AND type = $3 AND others > 0 RETURNING others
"""
ADD_SUMMARY = """
INSERT INTO activity (merchant_id, seq, at, type, event, others) VALUES ($1, $2, $3, $4, $5::jsonb, $6)
"""

ACTIVITY = """
SELECT merchant_id, seq, at, type, event, others FROM activity
WHERE merchant_id = $1 AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $3
"""

# Each half and their union have the same limit, so a reader that continues after the last row skips none.
ENTRIES_AFTER = """
SELECT entry.* FROM unnest($1::text[], $2::bigint[]) AS known (merchant_id, seq)
CROSS JOIN LATERAL (
    (SELECT a.merchant_id, a.seq, a.at, a.type, a.event, NULL::merchant_problem AS problem,
            a.others FROM activity a
     WHERE a.merchant_id = known.merchant_id AND a.seq > known.seq ORDER BY a.seq LIMIT $3)
    UNION ALL
    (SELECT p.merchant_id, p.seq, NULL, '', NULL, p, 0 FROM merchant_problem p
     WHERE p.merchant_id = known.merchant_id AND p.seq > known.seq AND p.code = ANY($4) ORDER BY p.seq LIMIT $3)
    ORDER BY seq LIMIT $3
) entry
ORDER BY entry.merchant_id, entry.seq
"""


async def next_seq(conn: Connection, merchant_id: str) -> int:
    """Take the next number of the merchant's feed. It locks the feed until the commit.

    Numbers therefore become visible in their order, and a reader that knows the last one misses nothing.
    """
    seq: int = await conn.fetchval(NEXT_SEQ, merchant_id)
    return seq


def add_activity(unit: Unit, event: Event) -> None:
    unit.write(ADD_ACTIVITY, event.merchant_id, unit.now, event.type, event.model_dump_json())


async def add_summary(unit: Unit, event: Event, others: int) -> None:
    """Add one entry that stands for this event and for others of its type.

    It takes the place of such an entry that is the newest of the feed, so that an edit of thousands of items is one.
    """
    seq = await next_seq(unit.conn, event.merchant_id)
    before: int | None = await unit.conn.fetchval(TAKE_SUMMARY, event.merchant_id, seq - 1, event.type)
    others += before + 1 if before else 0
    await unit.conn.execute(ADD_SUMMARY, event.merchant_id, seq, unit.now, event.type, event.model_dump_json(), others)


async def list_activity(conn: Connection, merchant_id: str, before: int | None, limit: int) -> list[Entry]:
    """Return the merchant's activity before this number, newest first."""
    rows = await conn.fetch(ACTIVITY, merchant_id, before, limit)
    return [Entry(**row, problem=None) for row in rows]


async def last_seq(conn: Connection, merchant_id: str) -> int:
    return await conn.fetchval("SELECT last_seq FROM feed WHERE merchant_id = $1", merchant_id) or 0


async def entries_after(conn: Connection, known: Mapping[str, int], limit: int) -> list[Entry]:
    """For each merchant, the entries after the known number, oldest first, at most `limit`."""
    rows = await conn.fetch(ENTRIES_AFTER, list(known), list(known.values()), limit, KNOWN_CODES)
    return [Entry(**{**row, "problem": problem_from(row["problem"]) if row["problem"] else None}) for row in rows]
