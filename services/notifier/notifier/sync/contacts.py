"""Keeps the merchants' names and email addresses up to date."""

from contextlib import suppress

from common.contracts.problems import Code
from common.errors import NotFound, Transient
from common.work import table
from common.work.batch import Batch
from notifier.deps import Deps
from notifier.domain.mail import CONTACT_LIFETIME
from notifier.mail.contacts import Contact, fetch_contact
from notifier.sealing import open_email, seal_email
from notifier.store import contacts


async def refresh_contact(batch: Batch, deps: Deps) -> None:
    """Fetch the contact before the first email needs it, and send what its old address refused to the new one."""
    with suppress(NotFound):  # the merchant was disconnected meanwhile
        await _fetch(batch, deps)
        async with batch.unit() as unit:
            await table.release(unit, batch.merchant_id, Code.EMAIL_REJECTED)


async def current_contact(batch: Batch, deps: Deps) -> Contact:
    """The merchant's contact. An old one is good enough while catalog does not answer."""
    async with batch.database.connection() as conn:
        stored = await contacts.find_contact(conn, batch.merchant_id)
    email = open_email(deps.sealer, batch.merchant_id, stored.email) if stored else None
    known = Contact(account_email=email, name=stored.name) if stored and email is not None else None
    if stored and known and stored.fetched_at > batch.now - CONTACT_LIFETIME:
        return known
    try:
        return await _fetch(batch, deps)
    except Transient:
        if known:
            return known
        raise


async def _fetch(batch: Batch, deps: Deps) -> Contact:
    contact = await fetch_contact(deps.catalog, batch.merchant_id)
    email = seal_email(deps.sealer, batch.merchant_id, contact.account_email)
    async with batch.unit() as unit:
        await contacts.save_contact(unit, batch.merchant_id, email, contact.name)
    return contact
