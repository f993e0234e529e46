"""Every SQL statement of the notifier's schema."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import datetime
from uuid import UUID

import asyncpg

from common.contracts.envelope import Event
from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.db.merchants import Merchant
from common.db.unit import Connection, Unit
from common.errors import NotFound
from notifier.domain.mails import Mail, MailKind, is_mailed
from notifier.domain.problems import Cause, Followed, Report, Step

FEED = "feed"
"""The bell's topic for whatever people watch."""


KNOWN = list(Code)
"""What is read of problems: those a newer version beside us has written are its own to tell."""


@dataclass(frozen=True)
class Problem:
    """A problem as the merchant sees it. `closed_at` is None while it is open; `seq` is its place in the feed."""

    id: UUID
    merchant_id: str
    code: Code
    subject: str
    since: datetime
    waiting: int
    done: int
    closed_at: datetime | None
    rechecked_at: datetime | None
    seq: int


@dataclass(frozen=True)
class Entry:
    """One place in a merchant's feed: an event that happened (`type`, `event`), or a problem that changed."""

    merchant_id: str
    seq: int
    at: datetime | None
    type: str
    event: str
    problem: Problem | None


# -- the feed

TAKE_PLACE = """
INSERT INTO feed AS f (merchant_id, last) VALUES ($1, 1)
ON CONFLICT (merchant_id) DO UPDATE SET last = f.last + 1 RETURNING last
"""

ADD_ACTIVITY = """
WITH place AS (
    INSERT INTO feed AS f (merchant_id, last) VALUES ($1, 1)
    ON CONFLICT (merchant_id) DO UPDATE SET last = f.last + 1 RETURNING last
)
INSERT INTO activity (merchant_id, seq, at, type, event) SELECT $1, last, $2, $3, $4::jsonb FROM place
"""

ACTIVITY = """
SELECT merchant_id, seq, at, type, event FROM activity
WHERE merchant_id = $1 AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $3
"""

# Both halves are bounded and so is their union: whoever reads on from the last place misses nothing.
NEWS = """
SELECT news.* FROM unnest($1::text[], $2::bigint[]) AS known (merchant_id, seq)
CROSS JOIN LATERAL (
    (SELECT a.merchant_id, a.seq, a.at, a.type, a.event, NULL::merchant_problem AS problem FROM activity a
     WHERE a.merchant_id = known.merchant_id AND a.seq > known.seq ORDER BY a.seq LIMIT $3)
    UNION ALL
    (SELECT p.merchant_id, p.seq, NULL, '', NULL, p FROM merchant_problem p
     WHERE p.merchant_id = known.merchant_id AND p.seq > known.seq AND p.code = ANY($4) ORDER BY p.seq LIMIT $3)
    ORDER BY seq LIMIT $3
) news
ORDER BY news.merchant_id, news.seq
"""


async def take_place(conn: Connection, merchant_id: str) -> int:
    """The next place in the merchant's feed. From here to the commit nobody else writes for this merchant."""
    place: int = await conn.fetchval(TAKE_PLACE, merchant_id)
    return place


def add_activity(unit: Unit, event: Event) -> None:
    unit.write(ADD_ACTIVITY, event.merchant_id, unit.now, event.type, event.model_dump_json())
    unit.notify(FEED)


async def activity(conn: Connection, merchant_id: str, before: int | None, limit: int) -> list[Entry]:
    """What happened, newest first, before this place in the feed."""
    rows = await conn.fetch(ACTIVITY, merchant_id, before, limit)
    return [Entry(**row, problem=None) for row in rows]


async def last_place(conn: Connection, merchant_id: str) -> int:
    return await conn.fetchval("SELECT last FROM feed WHERE merchant_id = $1", merchant_id) or 0


async def news(conn: Connection, known: Mapping[str, int], limit: int) -> list[Entry]:
    """For each merchant what came after the place known, oldest first, at most so many."""
    rows = await conn.fetch(NEWS, list(known), list(known.values()), limit, KNOWN)
    return [Entry(**{**row, "problem": _problem(row["problem"]) if row["problem"] else None}) for row in rows]


# -- problems

CAUSE = """
SELECT r.since, r.waiting, r.done, r.closed, r.revision, r.problem_id, p.closed_at IS NULL AS is_open
FROM report r JOIN merchant_problem p ON p.id = r.problem_id
WHERE r.merchant_id = $1 AND r.code = $2 AND r.subject = $3 AND (p.closed_at IS NULL OR r.since = $4)
"""

SAVE_PROBLEM = """
INSERT INTO merchant_problem (id, merchant_id, code, subject, since, waiting, done, closed_at, seq)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (id) DO UPDATE SET since = excluded.since, waiting = excluded.waiting, done = excluded.done,
    closed_at = excluded.closed_at, seq = excluded.seq
"""

SAVE_REPORT = """
INSERT INTO report (merchant_id, code, subject, problem_id, since, waiting, done, closed, revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (merchant_id, code, subject, since) DO UPDATE SET
    waiting = excluded.waiting, done = excluded.done, closed = excluded.closed, revision = excluded.revision
"""

PROBLEMS = """
SELECT * FROM merchant_problem
WHERE merchant_id = $1 AND code = ANY($5)
    AND ($2::boolean IS NULL OR (closed_at IS NULL) = $2) AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4
"""

LAST_SOLVED = """
SELECT * FROM merchant_problem
WHERE merchant_id = $1 AND code = ANY($2) AND closed_at IS NOT NULL ORDER BY closed_at DESC LIMIT 1
"""


async def cause(conn: Connection, event: ProblemOpened | ProblemClosed) -> Cause:
    """What is known of the cause this event tells of."""
    rows = await conn.fetch(CAUSE, event.merchant_id, event.code, event.subject, event.opened_at)
    current = [row for row in rows if row["is_open"]]
    return Cause(
        problem_id=current[0]["problem_id"] if current else None,
        reports={row["since"]: _report(row) for row in current},
        over=frozenset(row["since"] for row in rows if not row["is_open"]),
    )


async def save(
    unit: Unit, event: ProblemOpened | ProblemClosed, problem_id: UUID, report: Report, after: Followed, seq: int
) -> None:
    """Write the report and the problem as they are after it."""
    cause = (event.merchant_id, event.code, event.subject)
    closed_at = unit.now if after.step is Step.SOLVED else None
    await unit.conn.execute(SAVE_PROBLEM, problem_id, *cause, after.since, after.waiting, after.done, closed_at, seq)
    await unit.conn.execute(SAVE_REPORT, *cause, problem_id, *astuple(report))


async def problems(
    conn: Connection, merchant_id: str, *, is_open: bool | None, before: UUID | None, limit: int
) -> list[Problem]:
    """The merchant's problems, newest first; all of them when `is_open` is None."""
    return [_problem(row) for row in await conn.fetch(PROBLEMS, merchant_id, is_open, before, limit, KNOWN)]


async def last_solved(conn: Connection, merchant_id: str) -> Problem | None:
    row = await conn.fetchrow(LAST_SOLVED, merchant_id, KNOWN)
    return _problem(row) if row else None


async def lock_problem(conn: Connection, merchant_id: str, problem_id: UUID) -> Problem:
    """The problem, which nobody else changes until the commit. Raises NotFound."""
    row = await conn.fetchrow(
        "SELECT * FROM merchant_problem WHERE id = $1 AND merchant_id = $2 AND code = ANY($3) FOR UPDATE",
        problem_id,
        merchant_id,
        KNOWN,
    )
    if row is None:
        raise NotFound("There is no such problem here.")
    return _problem(row)


async def note_recheck(unit: Unit, problem: Problem, seq: int) -> Problem:
    await unit.conn.execute(
        "UPDATE merchant_problem SET rechecked_at = $3, seq = $4 WHERE merchant_id = $1 AND id = $2",
        problem.merchant_id,
        problem.id,
        unit.now,
        seq,
    )
    unit.notify(FEED)
    return replace(problem, rechecked_at=unit.now, seq=seq)


def _report(row: asyncpg.Record) -> Report:
    return Report(**{each.name: row[each.name] for each in fields(Report)})


def _problem(row: asyncpg.Record) -> Problem:
    return Problem(**{each.name: row[each.name] for each in fields(Problem)} | {"code": Code(row["code"])})


# -- e-mail

CLAIM = """
INSERT INTO mail AS m (problem_id, kind, claims) VALUES ($1, $2, 1)
ON CONFLICT (problem_id, kind) DO UPDATE SET claims = m.claims + 1
"""


async def mails(conn: Connection, problem_id: UUID) -> dict[MailKind, Mail]:
    rows = await conn.fetch("SELECT kind, claims, sent_at FROM mail WHERE problem_id = $1", problem_id)
    return {MailKind(row["kind"]): Mail(row["claims"], row["sent_at"] is not None) for row in rows}


async def claim_mail(conn: Connection, problem_id: UUID, kind: MailKind) -> None:
    await conn.execute(CLAIM, problem_id, kind)


async def unclaim_mail(conn: Connection, problem_id: UUID, kind: MailKind) -> None:
    """The relay did not take it, for certain."""
    await conn.execute("UPDATE mail SET claims = claims - 1 WHERE problem_id = $1 AND kind = $2", problem_id, kind)


async def mark_mailed(unit: Unit, problem_id: UUID, kind: MailKind) -> None:
    await unit.conn.execute(
        "UPDATE mail SET sent_at = $3 WHERE problem_id = $1 AND kind = $2", problem_id, kind, unit.now
    )


@dataclass(frozen=True)
class Contact:
    """Whom to write to about a merchant (sealed), and what its store is called, as catalog said at that moment."""

    email: bytes
    name: str
    fetched_at: datetime


async def contact(conn: Connection, merchant_id: str) -> Contact | None:
    row = await conn.fetchrow("SELECT email, name, fetched_at FROM contact WHERE merchant_id = $1", merchant_id)
    return Contact(**row) if row else None


async def save_contact(unit: Unit, merchant_id: str, email: bytes, name: str) -> None:
    await unit.conn.execute(
        "INSERT INTO contact (merchant_id, email, name, fetched_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (merchant_id) DO UPDATE SET email = excluded.email, name = excluded.name, "
        "fetched_at = excluded.fetched_at",
        merchant_id,
        email,
        name,
        unit.now,
    )


# -- who is signed in


async def add_session(
    unit: Unit, hashed: bytes, merchants: Sequence[str], scopes: Sequence[str], until: datetime
) -> None:
    """Sign somebody in, and forget the sessions that are over."""
    await unit.conn.execute("DELETE FROM session WHERE expires_at < $1", unit.now)
    await unit.conn.execute(
        "INSERT INTO session (hash, merchants, scopes, expires_at) VALUES ($1, $2, $3, $4)",
        hashed,
        merchants,
        scopes,
        until,
    )


async def session(conn: Connection, hashed: bytes, now: datetime) -> tuple[frozenset[str], frozenset[str]] | None:
    """The scopes and merchants of the session, None when there is none or it is over."""
    row = await conn.fetchrow("SELECT scopes, merchants FROM session WHERE hash = $1 AND expires_at > $2", hashed, now)
    return (frozenset(row["scopes"]), frozenset(row["merchants"])) if row else None


async def end_session(conn: Connection, hashed: bytes) -> None:
    await conn.execute("DELETE FROM session WHERE hash = $1", hashed)


@dataclass(frozen=True)
class Store:
    """A merchant on the dashboard. `name` is empty until catalog has told it; `n_open` counts what needs somebody."""

    merchant: Merchant
    name: str
    n_open: int


STORES = """
SELECT m.merchant_id, m.account_id, m.region, m.currency, m.timezone, coalesce(c.name, '') AS name,
    (SELECT count(*) FROM merchant_problem p WHERE p.merchant_id = m.merchant_id
     AND closed_at IS NULL AND code = ANY($3)) AS n_open
FROM merchant m LEFT JOIN contact c ON c.merchant_id = m.merchant_id
WHERE $1::text[] IS NULL OR m.merchant_id = ANY($1) ORDER BY n_open DESC, m.merchant_id LIMIT $2
"""


async def stores(conn: Connection, merchant_ids: Sequence[str] | None, limit: int) -> list[Store]:
    """These merchants, or all; those in need first."""
    needing = [code for code in Code if is_mailed(code)]
    rows = await conn.fetch(STORES, merchant_ids, limit, needing)
    return [Store(Merchant(*tuple(row)[:5]), row["name"], row["n_open"]) for row in rows]
