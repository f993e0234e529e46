"""The shares of Clover's limits that are lent, and the places in the queues for them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from catalog.domain.grants import Claim, Share, State
from catalog.domain.lending import Loan
from common.db.unit import Connection

QUEUE_SLOT_TTL = timedelta(seconds=3)
"""A waiting process keeps its place in the queue this long without asking again.

Processes ask every 0.25 s for five seconds; then the merchant's turn ends, and the next one begins two seconds later.
"""

LEASE_MARGIN = timedelta(seconds=0.5)
"""A share counts this much longer than its holder uses it: the answer needs time to reach the holder."""

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
CLAIMS = """
SELECT subject, holder, speaker, state, started_at, wanted_rate, wanted_concurrency, rate, concurrency,
    expires_at
FROM grants WHERE subject = ANY($2) AND expires_at > $1
"""
SAVE = """
INSERT INTO grants (holder, subject, speaker, state, started_at, wanted_rate, wanted_concurrency, rate, concurrency,
    expires_at)
SELECT $1, claim.* FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::float[], $7::integer[],
    $8::float[], $9::integer[], $10::timestamptz[]) AS claim
ON CONFLICT (subject, holder) DO UPDATE SET
    speaker = excluded.speaker, state = excluded.state, started_at = excluded.started_at,
    wanted_rate = excluded.wanted_rate, wanted_concurrency = excluded.wanted_concurrency,
    rate = excluded.rate, concurrency = excluded.concurrency, expires_at = excluded.expires_at
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
    await conn.execute(DELETE_EXPIRED, now)
    found: defaultdict[str, Claims] = defaultdict(Claims)
    for row in await conn.fetch(CLAIMS, now, list(subjects)):
        if row["holder"] == holder:
            found[row["subject"]].own = _claim(row)
        else:
            found[row["subject"]].others.append(_claim(row))
    return found


async def save(conn: Connection, holder: UUID, loans: Mapping[str, Loan], now: datetime) -> None:
    """Save the holder's claims by subject; a claim that waits expires soon."""
    rows = [
        (
            subject,
            loan.claim.speaker,
            loan.claim.state,
            loan.claim.started_at,
            loan.claim.wanted.rate,
            loan.claim.wanted.concurrency,
            loan.claim.granted.rate,
            loan.claim.places,
            now + _lifetime(loan),
        )
        for subject, loan in sorted(loans.items())
    ]
    if rows:
        await conn.execute(SAVE, holder, *map(list, zip(*rows, strict=True)))


def _lifetime(loan: Loan) -> timedelta:
    if loan.claim.state is State.WAITING:
        return QUEUE_SLOT_TTL
    return timedelta(seconds=loan.term.expires_in) + LEASE_MARGIN


def _claim(row: asyncpg.Record) -> Claim:
    return Claim(
        speaker=row["speaker"],
        state=State(row["state"]),
        started_at=row["started_at"],
        wanted=Share(row["wanted_rate"], row["wanted_concurrency"]),
        granted=Share(row["rate"], row["concurrency"]),
        ends_at=row["expires_at"] - LEASE_MARGIN,
    )
