"""The emails about each problem, and how far each got."""

from uuid import UUID

from common.db.unit import Connection, Unit
from notifier.domain.mail import Mail, MailKind

ADD_ATTEMPT = """
INSERT INTO mail AS m (problem_id, kind, attempts) VALUES ($1, $2, 1)
ON CONFLICT (problem_id, kind) DO UPDATE SET attempts = m.attempts + 1
"""

TAKE_BACK_ATTEMPT = "UPDATE mail SET attempts = attempts - 1 WHERE problem_id = $1 AND kind = $2"

MARK_SENT = "UPDATE mail SET sent_at = $3 WHERE problem_id = $1 AND kind = $2"


async def find_mails(conn: Connection, problem_id: UUID) -> dict[MailKind, Mail]:
    rows = await conn.fetch("SELECT kind, attempts, sent_at FROM mail WHERE problem_id = $1", problem_id)
    return {MailKind(row["kind"]): Mail(row["attempts"], sent=row["sent_at"] is not None) for row in rows}


async def add_attempt(conn: Connection, problem_id: UUID, kind: MailKind) -> None:
    await conn.execute(ADD_ATTEMPT, problem_id, kind)


async def take_back_attempt(conn: Connection, problem_id: UUID, kind: MailKind) -> None:
    """Forget an attempt that the mail server certainly did not accept."""
    await conn.execute(TAKE_BACK_ATTEMPT, problem_id, kind)


async def mark_sent(unit: Unit, problem_id: UUID, kind: MailKind) -> None:
    await unit.conn.execute(MARK_SENT, problem_id, kind, unit.now)
