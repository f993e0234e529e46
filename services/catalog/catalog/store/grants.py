"""The shares of Clover's limits that are lent, and the places in the queues for them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from catalog.domain.grants import Claim, Share, State
from catalog.domain.lending import LAST_LEASES_END, Loan
from common.db.unit import Connection

SILENCE = timedelta(seconds=5)
"""Without a request for this long, catalog was away, or nobody called."""

# One process at a time divides the limits. The commit does not wait for the disk: a crash of the database loses at
# most the shares of the last moment, and the restart takes longer than they live.
LOCK = """
SELECT set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock(hashtext('catalog.grants')),
    clock_timestamp() AS now
"""
# A portion only: however many rows have expired, nobody waits for their end.
DELETE_EXPIRED = """
DELETE FROM grants WHERE ctid = ANY(ARRAY(SELECT ctid FROM grants WHERE expires_at <= $1 LIMIT 1000))
"""
# While catalog was away, shares ended that were not renewed for that alone; each holder may be making single calls.
COUNT_LAST_LEASES = """
UPDATE grants SET rate = 0, calls = 1, concurrency = 1, expires_at = $1 + $2::interval
WHERE subject = '' AND rate > 0 AND expires_at <= $1
    AND (SELECT max(saved_at) FROM grants WHERE subject = '') <= $1 - $3::interval
"""
CLAIMS = """
SELECT subject, holder, speaker, state, started_at, wanted_rate, wanted_concurrency, rate, calls, concurrency,
    ends_at, expires_at, number
FROM grants WHERE subject = ANY($2) AND expires_at > $1
"""
SAVE = """
INSERT INTO grants (holder, saved_at, subject, speaker, state, started_at, wanted_rate, wanted_concurrency, rate, calls,
    concurrency, ends_at, expires_at, number)
SELECT $1, $2, claim.* FROM unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::float[], $8::integer[],
    $9::float[], $10::integer[], $11::integer[], $12::timestamptz[], $13::timestamptz[], $14::bigint[]) AS claim
ON CONFLICT (subject, holder) DO UPDATE SET
    saved_at = excluded.saved_at, speaker = excluded.speaker, state = excluded.state, started_at = excluded.started_at,
    wanted_rate = excluded.wanted_rate, wanted_concurrency = excluded.wanted_concurrency,
    rate = excluded.rate, calls = excluded.calls, concurrency = excluded.concurrency,
    ends_at = excluded.ends_at, expires_at = excluded.expires_at, number = excluded.number
"""


@dataclass
class Claims:
    """The claims on one limit: the asking process's own, and all others."""

    own: Claim | None = None
    others: list[Claim] = field(default_factory=list)


async def lock(conn: Connection) -> datetime:
    """Lock the shares for the transaction; return the database's time, which all processes share."""
    [row] = await conn.fetch(LOCK)
    now: datetime = row["now"]
    return now


async def claims(conn: Connection, subjects: Collection[str], holder: UUID, now: datetime) -> dict[str, Claims]:
    """Return the claims on each of these subjects. Deletes expired ones."""
    await conn.execute(COUNT_LAST_LEASES, now, LAST_LEASES_END, SILENCE)
    await conn.execute(DELETE_EXPIRED, now)
    found: defaultdict[str, Claims] = defaultdict(Claims)
    for row in await conn.fetch(CLAIMS, now, list(subjects)):
        if row["holder"] == holder:
            found[row["subject"]].own = _claim(row)
        else:
            found[row["subject"]].others.append(_claim(row))
    return found


async def save(conn: Connection, holder: UUID, loans: Mapping[str, Loan], now: datetime) -> None:
    """Save the holder's claims by subject."""
    rows = [
        (
            subject,
            claim.speaker,
            claim.state,
            claim.started_at,
            claim.wanted.rate,
            claim.wanted.concurrency,
            claim.granted.rate,
            claim.calls,
            claim.places,
            claim.ends_at,
            claim.expires_at,
            claim.number,
        )
        for subject, claim in sorted((subject, loan.claim) for subject, loan in loans.items())
    ]
    if rows:
        await conn.execute(SAVE, holder, now, *map(list, zip(*rows, strict=True)))


def _claim(row: asyncpg.Record) -> Claim:
    return Claim(
        speaker=row["speaker"],
        state=State(row["state"]),
        started_at=row["started_at"],
        wanted=Share(row["wanted_rate"], row["wanted_concurrency"]),
        granted=Share(row["rate"], row["concurrency"]),
        in_use=Share(row["calls"], row["concurrency"]),
        ends_at=row["ends_at"] or row["expires_at"],
        expires_at=row["expires_at"],
        number=row["number"],
    )
