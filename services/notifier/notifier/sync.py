"""What notifier does outside: it sends e-mail, and asks catalog whom to write to."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from uuid import UUID

import structlog
from jinja2 import Environment

from common.contracts.problems import Code
from common.db import merchants
from common.db.database import Database
from common.db.unit import Unit
from common.errors import Again, Ambiguous, NotFound, Transient
from common.http.auth import Keys
from common.seal import NotOpened, Sealer
from common.work import table
from common.work.batch import Batch, Kind
from notifier import store
from notifier.domain.mails import (
    CONTACT_KEPT,
    DOUBT,
    LEARN_CONTACT,
    SEND_MAIL,
    Mail,
    MailKind,
    is_in_doubt,
    is_wanted,
    mail_of,
)
from notifier.feed import Hub
from notifier.mail import ContactAnswer, Contacts, Letter, Office, Relay
from notifier.store import Contact

log = structlog.get_logger()


@dataclass(frozen=True)
class Deps:
    """What sync functions and routes are handed.

    `secure` says whether people come by HTTPS; `hears` whether events of the other services reach us now.
    """

    database: Database
    contacts: Contacts
    office: Office
    relay: Relay
    hub: Hub
    keys: Keys
    templates: Environment
    assets: Mapping[str, bytes]
    secure: bool
    sealer: Sealer
    hears: Callable[[], bool]


def contact_context(merchant_id: str) -> str:
    """What a sealed address is bound to."""
    return f"contact-email|{merchant_id}"


async def send_mail(batch: Batch, deps: Deps) -> None:
    """Claim, send, mark: a crash between the relay's yes and our note of it costs one repeat, known by its id."""
    [key] = batch.keys
    problem_id, kind = mail_of(key)
    message = await _claimed(batch, deps, problem_id, kind)
    if message is None:
        return
    try:
        await deps.relay.send(message)
    except Ambiguous as error:
        log.warning("an e-mail may have been taken, and is sent again later", reason=str(error))
        raise Again(DOUBT) from None
    except Exception:
        async with batch.unit() as unit:
            await store.unclaim_mail(unit.conn, problem_id, kind)
        raise
    async with batch.unit() as unit:
        await store.mark_mailed(unit, problem_id, kind)


async def _claimed(batch: Batch, deps: Deps, problem_id: UUID, kind: MailKind) -> EmailMessage | None:
    """The e-mail as things stand now, noted as being on its way; None when it is no longer wanted."""
    async with batch.unit() as unit:
        if await _letter(unit, batch.merchant_id, problem_id, kind) is None:
            return None
    contact = await _contact(batch, deps)
    async with batch.unit() as unit:
        letter = await _letter(unit, batch.merchant_id, problem_id, kind)
        if letter is None:
            return None
        message = deps.office.compose(letter, contact, batch.now)
        await store.claim_mail(unit.conn, problem_id, kind)
    return message


async def _letter(unit: Unit, merchant_id: str, problem_id: UUID, kind: MailKind) -> Letter | None:
    problem = await store.lock_problem(unit.conn, merchant_id, problem_id)
    mails = await store.mails(unit.conn, problem_id)
    if not is_wanted(kind, is_open=problem.closed_at is None, mails=mails):
        if is_in_doubt(mails.get(kind, Mail())):
            log.error("an e-mail is let be: the relay may have taken it", problem=str(problem_id), mail=kind)
        return None
    known = await merchants.known(unit.conn, [merchant_id])
    merchant = await merchants.find(unit.conn, merchant_id) if known else None
    return Letter(kind, problem, merchant.timezone if merchant else "UTC", merchant.region if merchant else "")


async def learn_contact(batch: Batch, deps: Deps) -> None:
    """Know the store's name and address before they are needed; what the old address refused is sent to this one."""
    with suppress(NotFound):  # disconnected meanwhile
        await _ask(batch, deps)
        async with batch.unit() as unit:
            await table.release(unit, batch.merchant_id, Code.EMAIL_REJECTED)


async def _contact(batch: Batch, deps: Deps) -> ContactAnswer:
    """Whom to write to; what catalog said before is good enough while it does not answer."""
    async with batch.database.connection() as conn:
        kept = await store.contact(conn, batch.merchant_id)
    known = _opened(deps.sealer, batch.merchant_id, kept) if kept else None
    if kept and known and kept.fetched_at > batch.now - CONTACT_KEPT:
        return known
    try:
        return await _ask(batch, deps)
    except Transient:
        if known:
            return known
        raise


def _opened(sealer: Sealer, merchant_id: str, kept: Contact) -> ContactAnswer | None:
    try:
        email = sealer.open(kept.email, context=contact_context(merchant_id)).decode()
    except NotOpened:  # its key was taken away; catalog tells the address again
        return None
    return ContactAnswer(account_email=email, name=kept.name)


async def _ask(batch: Batch, deps: Deps) -> ContactAnswer:
    told = await deps.contacts.ask(batch.merchant_id)
    email = deps.sealer.seal(told.account_email.encode(), context=contact_context(batch.merchant_id))
    async with batch.unit() as unit:
        await store.save_contact(unit, batch.merchant_id, email, told.name)
    return told


SYNC = [
    Kind(SEND_MAIL, send_mail, refused=Code.EMAIL_REJECTED, delayed=Code.EMAIL_DELAYED, batch=1),
    Kind(LEARN_CONTACT, learn_contact, refused=Code.EMAIL_REJECTED, delayed=Code.EMAIL_DELAYED),
]
