"""Sends the emails about problems."""

from email.message import EmailMessage
from uuid import UUID

import structlog

from common.db import merchants
from common.db.unit import Unit
from common.errors import Again, Ambiguous
from common.work.batch import Batch
from notifier.deps import Deps
from notifier.domain.mail import NOT_ATTEMPTED, RETRY_IN_DOUBT, MailKind, is_wanted, parse_mail_key
from notifier.mail.composer import ProblemMail
from notifier.store import mail as store
from notifier.store.problems import lock_problem
from notifier.sync.contacts import current_contact

log = structlog.get_logger()


async def send_mail(batch: Batch, deps: Deps) -> None:
    """Record an attempt, send, record the success.

    SMTP has no idempotency key. A crash between the server's confirmation and our record of it therefore costs one
    repeat, which has the same Message-ID.
    """
    [key] = batch.keys
    problem_id, kind = parse_mail_key(key)
    message = await _start_attempt(batch, deps, problem_id, kind)
    if message is None:
        return
    try:
        await deps.smtp.send(message)
    except Ambiguous as error:
        log.warning("an email may have been accepted; it is sent again later", reason=str(error))
        raise Again(RETRY_IN_DOUBT) from None
    except Exception:
        async with batch.unit() as unit:
            await store.take_back_attempt(unit.conn, problem_id, kind)
        raise
    async with batch.unit() as unit:
        await store.mark_sent(unit, problem_id, kind)


async def _start_attempt(batch: Batch, deps: Deps, problem_id: UUID, kind: MailKind) -> EmailMessage | None:
    """The email about the problem's present state, recorded as attempted. None if it is no longer wanted."""
    async with batch.unit() as unit:
        if await _wanted_mail(unit, batch.merchant_id, problem_id, kind) is None:
            return None
    contact = await current_contact(batch, deps)
    async with batch.unit() as unit:  # the problem may have been resolved while catalog was asked
        mail = await _wanted_mail(unit, batch.merchant_id, problem_id, kind)
        if mail is None:
            return None
        message = deps.composer.compose(mail, contact, batch.now)
        await store.add_attempt(unit.conn, problem_id, kind)
    return message


async def _wanted_mail(unit: Unit, merchant_id: str, problem_id: UUID, kind: MailKind) -> ProblemMail | None:
    problem = await lock_problem(unit.conn, merchant_id, problem_id)
    mails = await store.find_mails(unit.conn, problem_id)
    if not is_wanted(kind, is_open=problem.resolved_at is None, mails=mails):
        if mails.get(kind, NOT_ATTEMPTED).is_given_up:
            log.error("an email is given up: the mail server may have it", problem=str(problem_id), mail=kind)
        return None
    known = await merchants.known(unit.conn, [merchant_id])
    merchant = await merchants.find(unit.conn, merchant_id) if known else None
    return ProblemMail(kind, problem, merchant.timezone if merchant else "UTC", merchant.region if merchant else "")
