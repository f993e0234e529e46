"""Emails login links."""

import secrets
from datetime import timedelta

import structlog

from common.errors import AppError, Permanent
from common.work.batch import Batch
from notifier.deps import Deps
from notifier.domain.links import LINK_LIFETIME, SCOPES, is_outdated, may_send_link
from notifier.domain.mail import retry_delay
from notifier.sealing import link_hash
from notifier.store import links
from notifier.sync.contacts import current_recipient

log = structlog.get_logger()


async def send_link(batch: Batch, deps: Deps) -> None:
    """Email a fresh link, unless the request is outdated or too many were sent. A failure opens no problem.

    The person waits in front of the page and asks again; an alert about a late link would only arrive later.
    """
    [row] = batch.rows
    if is_outdated(row.key, batch.now):
        return
    try:
        await _send(batch, deps)
    except Permanent as error:
        log.warning("a login link cannot be emailed", reason=str(error))
    except AppError as error:
        log.warning("a login link is emailed later", reason=str(error))
        batch.retry(row.key, retry_delay(1))


async def _send(batch: Batch, deps: Deps) -> None:
    recipient = await current_recipient(batch, deps)
    token = secrets.token_urlsafe(32)
    expires_at = batch.now + LINK_LIFETIME
    message = deps.composer.link_mail(token, expires_at, recipient, batch.now)
    async with batch.unit() as unit:
        sent = await links.links_sent_since(unit.conn, batch.merchant_id, batch.now - timedelta(hours=1))
        if not may_send_link(sent, batch.now):
            log.info("a login link was asked for too often")
            return
        await links.add_link(unit, link_hash(token), batch.merchant_id, SCOPES, expires_at)
    try:
        await deps.smtp.send(message)
    except AppError:
        async with batch.unit() as unit:
            await links.delete_link(unit, link_hash(token))
        raise
