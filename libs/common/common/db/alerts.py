"""Alerts: notices about faults that only an operator can mend. They last until the operator clears them."""

from common.db.unit import Connection

REPORT = """
INSERT INTO alert (name, subject, detail) VALUES ($1, $2, $3)
ON CONFLICT (name, subject) DO UPDATE SET detail = excluded.detail, times = alert.times + 1, last_at = now()
"""
COUNT = "SELECT (SELECT count(*) FROM alert) + (SELECT count(*) FROM dead_letter WHERE due_at IS NULL)"


async def report(conn: Connection, name: str, subject: str, detail: str) -> None:
    """Report something to the operator. A repetition about the same subject is counted."""
    await conn.execute(REPORT, name, subject, detail)


async def count(conn: Connection) -> int:
    """Return how many alerts and dead letters wait for an operator."""
    waiting: int = await conn.fetchval(COUNT)
    return waiting
