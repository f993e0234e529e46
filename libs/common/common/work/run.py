"""A run: one pass of a long sync function over its key, in slices that survive a restart.

The cursor is committed with the effects of its page, so that at most one page is read twice after a crash. A mark
during a run does not interrupt it; it asks for another run afterwards. A cursor of another version is not used: the run
starts anew.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.db.database import Database
from common.db.unit import Connection, Unit

FIND = """
SELECT seq, cursor, done, total, started_at, work_id = $5 AND version = $4 AND cursor IS NOT NULL AS goes_on
FROM work_run
WHERE merchant_id = $1 AND kind = $2 AND key = $3
"""
# Nothing is written for work that was removed meanwhile.
SAVE = """
INSERT INTO work_run (merchant_id, kind, key, version, seq, cursor, done, total, started_at, work_id)
SELECT merchant_id, kind, key, $4, $5, $6, $7, $8, $9, id FROM work
WHERE merchant_id = $1 AND kind = $2 AND key = $3 AND id = $10
ON CONFLICT (merchant_id, kind, key) DO UPDATE SET work_id = excluded.work_id, version = excluded.version,
    seq = excluded.seq, cursor = excluded.cursor, done = excluded.done, total = excluded.total,
    started_at = excluded.started_at
"""
FORGET_PAGES = "DELETE FROM work_run_page WHERE merchant_id = $1 AND kind = $2 AND key = $3"
SAVE_PAGE = """
INSERT INTO work_run_page (merchant_id, kind, key, cursor, ids)
SELECT merchant_id, kind, key, $4, $5 FROM work_run WHERE merchant_id = $1 AND kind = $2 AND key = $3
ON CONFLICT (merchant_id, kind, key, cursor) DO UPDATE SET ids = excluded.ids
"""
HAS_PAGE = """
SELECT EXISTS (SELECT FROM work_run_page WHERE merchant_id = $1 AND kind = $2 AND key = $3 AND ids = $4)
"""
# EXCEPT is hashed or sorted for any estimate of the planner; NOT EXISTS may become a loop over all ids per candidate.
UNSHOWN = """
SELECT unnest($4::text[]) AS id
EXCEPT SELECT unnest(ids) FROM work_run_page WHERE merchant_id = $1 AND kind = $2 AND key = $3
"""
END = """
WITH ended AS (
    UPDATE work_run SET cursor = NULL, total = done WHERE merchant_id = $1 AND kind = $2 AND key = ANY($3)
)
DELETE FROM work_run_page WHERE merchant_id = $1 AND kind = $2 AND key = ANY($3)
"""
FORGET = """
DELETE FROM work_run run WHERE NOT EXISTS (
    SELECT FROM work WHERE work.id = run.work_id
)
"""


@dataclass
class Run:
    """The state of a run. `cursor` is None at its start; `total` is an estimate, None if there is none."""

    database: Database
    merchant_id: str
    kind: str
    key: str
    work_id: int
    version: int
    seq: int
    started_at: datetime
    cursor: str | None = None
    done: int = 0
    total: int | None = None

    async def save(self, unit: Unit, cursor: str, ids: Sequence[str] = (), *, done: int | None = None) -> None:
        """Record in the transaction of a page's effects that the run goes on after it.

        `ids` are kept until the run ends. `done` is the number of things on the page, that of the ids by default.
        """
        name = self.merchant_id, self.kind, self.key
        self.done += len(ids) if done is None else done
        if self.total is not None and self.total < self.done:
            self.total = None  # the estimate was too low, so the number is unknown
        if self.cursor is None:
            await unit.conn.execute(FORGET_PAGES, *name)
        self.cursor, progress = cursor, (self.done, self.total, self.started_at)
        await unit.conn.execute(SAVE, *name, self.version, self.seq, cursor, *progress, self.work_id)
        if ids:
            await unit.conn.execute(SAVE_PAGE, *name, cursor, list(ids))

    async def has_page(self, ids: Sequence[str]) -> bool:
        """Return whether an earlier page of this run had exactly these ids: then the pages never end."""
        if self.cursor is None:
            return False
        async with self.database.connection() as conn:
            return bool(await conn.fetchval(HAS_PAGE, self.merchant_id, self.kind, self.key, list(ids)))

    async def unshown(self, conn: Connection, ids: Sequence[str]) -> list[str]:
        """Return those of these ids that no page of this run has shown, also not before a restart."""
        rows = await conn.fetch(UNSHOWN, self.merchant_id, self.kind, self.key, list(ids))
        return [row["id"] for row in rows]


async def find(
    database: Database, merchant_id: str, kind: str, key: str, *, work_id: int, seq: int, version: int
) -> Run:
    """Return the run under way for this row of work, or a new one for a row with this seq."""
    async with database.connection() as conn:
        row = await conn.fetchrow(FIND, merchant_id, kind, key, version, work_id)
    own = database, merchant_id, kind, key, work_id, version
    if row is None or not row["goes_on"]:
        total = row["total"] if row else None
        return Run(*own, seq, database.clock.now(), total=total)
    return Run(*own, row["seq"], row["started_at"], row["cursor"], row["done"], row["total"])


async def end(unit: Unit, merchant_id: str, kind: str, keys: Collection[str]) -> None:
    """End the runs of these keys; the next ones estimate their totals by the work they did."""
    await unit.conn.execute(END, merchant_id, kind, list(keys))


async def forget(conn: Connection) -> None:
    """Delete the runs of work that was removed."""
    await conn.execute(FORGET)
