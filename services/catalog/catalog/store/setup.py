"""The findings of the checks of each merchant's setup, and when its webhooks were last heard."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from catalog.domain.setup import Check, CheckState, Finding, Recorded, Webhooks
from common.db.unit import Connection, Unit

FIND = "SELECT name, state, detail, checked_at, failing_since FROM setup_check WHERE merchant_id = $1"
SAVE = """
INSERT INTO setup_check (merchant_id, name, state, detail, checked_at, failing_since)
SELECT $1, checked.* FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[]) AS checked
WHERE EXISTS (SELECT FROM merchant WHERE merchant_id = $1) -- a catalog that was restored may not know it
ON CONFLICT (merchant_id, name) DO UPDATE SET state = excluded.state, detail = excluded.detail,
    checked_at = excluded.checked_at, failing_since = excluded.failing_since
"""
CLEAR = "DELETE FROM setup_check WHERE merchant_id = $1 RETURNING name, failing_since"
WEBHOOKS = "SELECT connected_at, heard_at, provoked_at FROM connection WHERE merchant_id = $1"
PROVOKED = "UPDATE connection SET provoked_at = $2 WHERE merchant_id = $1"
# Every ten minutes at most, so that a busy merchant's webhooks write nothing.
HEARD = """
UPDATE connection SET heard_at = $2::timestamptz
WHERE merchant_id = $1 AND (heard_at IS NULL OR heard_at < $2::timestamptz - interval '10 minutes')
RETURNING EXISTS (SELECT FROM setup_check WHERE merchant_id = $1 AND name = 'webhooks' AND state = 'failed')
"""


async def find(conn: Connection, merchant_id: str) -> dict[Check, Recorded]:
    """Return the last finding of each check that was made."""
    return {
        Check(row["name"]): Recorded(
            Finding(Check(row["name"]), CheckState(row["state"]), row["detail"]),
            row["checked_at"],
            row["failing_since"],
        )
        for row in await conn.fetch(FIND, merchant_id)
    }


async def save(conn: Connection, merchant_id: str, records: Collection[Recorded]) -> None:
    """Replace the findings of these checks."""
    findings = [each.finding for each in records]
    await conn.execute(
        SAVE,
        merchant_id,
        [each.check for each in findings],
        [each.state for each in findings],
        [each.detail for each in findings],
        [each.checked_at for each in records],
        [each.failing_since for each in records],
    )


async def clear(conn: Connection, merchant_id: str) -> Mapping[Check, datetime]:
    """Forget the findings; return since when each failing check failed."""
    rows = await conn.fetch(CLEAR, merchant_id)
    return {Check(row["name"]): row["failing_since"] for row in rows if row["failing_since"]}


async def webhooks(conn: Connection, merchant_id: str, patience: timedelta) -> Webhooks | None:
    """Return the known facts about the merchant's webhooks; None when it is disconnected."""
    row = await conn.fetchrow(WEBHOOKS, merchant_id)
    return Webhooks(**row, patience=patience) if row else None


async def note_provoked(conn: Connection, merchant_id: str, now: datetime) -> None:
    """Note that a change was made which should bring a webhook."""
    await conn.execute(PROVOKED, merchant_id, now)


async def hear(unit: Unit, merchant_id: str) -> bool:
    """Note that a webhook arrived; return whether they counted as missing."""
    return bool(await unit.conn.fetchval(HEARD, merchant_id, unit.now))
