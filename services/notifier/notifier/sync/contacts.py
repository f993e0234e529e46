"""Keeps the merchants' names and email addresses up to date."""

from datetime import timedelta

from common.catalog_client import Contact
from common.contracts.problems import Code
from common.db import merchants
from common.errors import NotFound, Transient
from common.work import table
from common.work.batch import Batch
from notifier.deps import Deps
from notifier.domain.mail import CONTACT_LIFETIME
from notifier.mail.composer import Recipient
from notifier.sealing import open_email, seal_email
from notifier.store import contacts

RETRY_CONTACT = timedelta(minutes=1)


async def refresh_contact(batch: Batch, deps: Deps) -> None:
    """Fetch the contact before the first email needs it; emails that the old address refused go to the new one."""
    try:
        await _fetch(batch, deps)
    except NotFound:  # the merchant was disconnected meanwhile
        return
    except Transient:  # no email waits for it yet, so it opens no problem; an email that needs it asks again
        for key in batch.keys:
            batch.retry(key, RETRY_CONTACT)
        return
    async with batch.unit() as unit:
        await table.release(unit, batch.merchant_id, Code.EMAIL_REJECTED)


async def current_contact(batch: Batch, deps: Deps) -> Contact:
    """Return the merchant's contact. An old one is good enough while catalog does not answer."""
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


async def current_recipient(batch: Batch, deps: Deps) -> Recipient:
    """Return the merchant's store and contact. Raises NotFound if the merchant was disconnected."""
    contact = await current_contact(batch, deps)
    async with batch.database.connection() as conn:
        try:
            merchant = await merchants.find(conn, batch.merchant_id)
        except NotFound:  # its event has not arrived yet
            return Recipient(batch.merchant_id, "", "UTC", contact)
    return Recipient(batch.merchant_id, merchant.region, merchant.timezone, contact)


async def _fetch(batch: Batch, deps: Deps) -> Contact:
    contact = await deps.catalog.contact(batch.merchant_id)
    email = seal_email(deps.sealer, batch.merchant_id, contact.account_email)
    async with batch.unit() as unit:
        await contacts.save_contact(unit, batch.merchant_id, email, contact.name)
    return contact
