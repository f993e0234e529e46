"""What notifier does outside: it sends e-mail, and asks catalog whom to write to."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from jinja2 import Environment

from common import merchants
from common.contracts.problems import Code
from common.db.database import Database
from common.db.unit import Unit
from common.errors import NotFound, Rejected, Transient
from common.http.auth import Keys
from common.work.batch import Batch, Kind
from notifier import domain, store
from notifier.domain import CONTACT_KEPT, LEARN_CONTACT, SEND_MAIL, MailKind
from notifier.feed import Hub
from notifier.mail import Contacts, Letter, Office, Relay
from notifier.store import Contact


@dataclass(frozen=True)
class Deps:
    """What sync functions and routes are handed. `secure` says whether people come by HTTPS."""

    database: Database
    contacts: Contacts
    office: Office
    relay: Relay
    hub: Hub
    keys: Keys
    templates: Environment
    assets: Mapping[str, bytes]
    secure: bool


async def send_mail(batch: Batch, deps: Deps) -> None:
    """Claim, send, mark: a crash between the relay's yes and our note of it costs one repeat, known by its id."""
    [key] = batch.keys
    problem_id, kind = domain.mail_of(key)
    async with batch.unit() as unit:
        letter = await _claim(unit, batch.merchant_id, problem_id, kind)
    if letter is None:
        return
    try:
        contact = await _contact(batch, deps.contacts)
        await deps.relay.send(deps.office.compose(letter, contact, batch.now))
    except (Transient, Rejected, NotFound):
        async with batch.unit() as unit:
            await store.unclaim_mail(unit.conn, problem_id, kind)
        raise
    async with batch.unit() as unit:
        await store.mark_mailed(unit, problem_id, kind)


async def _claim(unit: Unit, merchant_id: str, problem_id: UUID, kind: MailKind) -> Letter | None:
    """The letter as things stand now, noted as being on its way; None when it is no longer wanted."""
    problem = await store.lock_problem(unit.conn, merchant_id, problem_id)
    mails = await store.mails(unit.conn, problem_id)
    if not domain.is_wanted(kind, is_open=problem.closed_at is None, mails=mails):
        return None
    await store.claim_mail(unit.conn, problem_id, kind)
    known = await merchants.known(unit.conn, [merchant_id])
    merchant = await merchants.find(unit.conn, merchant_id) if known else None
    return Letter(kind, problem, merchant.timezone if merchant else "UTC", merchant.region if merchant else "")


async def learn_contact(batch: Batch, deps: Deps) -> None:
    """Know the store's name and address before they are needed."""
    with suppress(NotFound):  # disconnected meanwhile
        await _ask(batch, deps.contacts)


async def _contact(batch: Batch, contacts: Contacts) -> Contact:
    """Whom to write to; what catalog said before is good enough while it does not answer."""
    async with batch.database.connection() as conn:
        known = await store.contact(conn, batch.merchant_id)
    if known and known.fetched_at > batch.now - CONTACT_KEPT:
        return known
    try:
        return await _ask(batch, contacts)
    except Transient:
        if known:
            return known
        raise


async def _ask(batch: Batch, contacts: Contacts) -> Contact:
    told = await contacts.ask(batch.merchant_id)
    async with batch.unit() as unit:
        await store.save_contact(unit, batch.merchant_id, told.account_email, told.name)
    return Contact(told.account_email, told.name, batch.now)


SYNC = [
    Kind(SEND_MAIL, send_mail, refused=Code.EMAIL_REJECTED, delayed=Code.EMAIL_DELAYED, batch=1),
    Kind(LEARN_CONTACT, learn_contact, refused=Code.EMAIL_REJECTED, delayed=Code.EMAIL_DELAYED),
]
