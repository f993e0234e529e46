"""Sends the emails about problems."""

from email.message import EmailMessage
from uuid import UUID

import structlog

from common import messages
from common.db.unit import Unit
from common.errors import Ambiguous, NotFound, Transient, reason
from common.work.batch import Batch
from common.work.row import Retry, Row
from notifier.deps import Deps
from notifier.domain.mail import MailKind, is_wanted, mail_key, parse_mail_key, retry_delay
from notifier.domain.problems import Problem
from notifier.store import mail as store
from notifier.store.problems import lock_problem
from notifier.sync.contacts import current_recipient

log = structlog.get_logger()


async def send_mail(batch: Batch, deps: Deps) -> None:
    """Record an attempt, send, record the success; send again later until a server has taken it.

    SMTP has no idempotency key. When the server's confirmation is lost, or our record of it, the email may arrive
    twice: a duplicate is better than a lost alert, and the same Message-ID lets mail programs join the two.
    """
    [row] = batch.rows
    problem_id, kind = parse_mail_key(row.key)
    try:
        message = await _start_attempt(batch, deps, problem_id, kind)
        if message is None:
            batch.drop(row.key)
            return
        await _send(batch, deps, problem_id, kind, message)
    except NotFound:  # the merchant was disconnected and its address erased, so the email has no recipient
        batch.drop(row.key)
        return
    except (Transient, Ambiguous) as error:
        log.warning("an email is sent again later", attempts=row.attempts + 1, reason=str(error))
        batch.outcomes[row.key] = _later(batch, row, error)
        return
    async with batch.unit() as unit:
        await store.mark_sent(unit, problem_id, kind)


def _later(batch: Batch, row: Row, error: Exception) -> Retry:
    failing_since = row.failing_since or batch.now
    problem = batch.delayed if batch.now - failing_since >= batch.delayed_after else None
    due = batch.now + retry_delay(row.attempts + 1)
    return Retry(due, failed=True, reason=reason(error), problem=problem, subject=batch.subjects.get(row.key, ""))


async def _send(batch: Batch, deps: Deps, problem_id: UUID, kind: MailKind, message: EmailMessage) -> None:
    try:
        await deps.smtp.send(message)
    except Ambiguous:
        raise
    except Exception:
        async with batch.unit() as unit:
            await store.take_back_attempt(unit.conn, problem_id, kind)
        raise


async def _start_attempt(batch: Batch, deps: Deps, problem_id: UUID, kind: MailKind) -> EmailMessage | None:
    """Return the email about the problem's present state, recorded as attempted, or None if it is no longer wanted."""
    async with batch.unit() as unit:
        if await _wanted_about(batch, unit, problem_id, kind) is None:
            return None
    recipient = await current_recipient(batch, deps)
    async with batch.unit() as unit:  # the problem may have been resolved while catalog was asked
        problem = await _wanted_about(batch, unit, problem_id, kind)
        if problem is None:
            return None
        message = deps.composer.problem_mail(kind, problem, recipient, batch.now)
        await store.add_attempt(unit.conn, problem_id, kind)
    return message


async def _wanted_about(batch: Batch, unit: Unit, problem_id: UUID, kind: MailKind) -> Problem | None:
    """Return the problem that this email is about, or None if the email is no longer wanted."""
    problem = await lock_problem(unit.conn, batch.merchant_id, problem_id)
    batch.subjects[mail_key(problem_id, kind)] = messages.for_locale().title(problem.code)
    mails = await store.find_mails(unit.conn, problem_id)
    return problem if is_wanted(kind, is_open=problem.resolved_at is None, mails=mails) else None
