"""Exchanges OAuth tokens for the next pair before they expire, exactly once each.

A refresh token works once, so two refreshes at a time would lose the pair. The worker's lease keeps other processes
away, and a finding of one of them about a pair is never written over another pair.
"""

from datetime import timedelta

import structlog

from catalog.clover.oauth import TokenRefused
from catalog.deps import Deps
from catalog.domain.oauth import OAuthApp, Tokens
from catalog.sealing import Secret, open_sealed, sealed_tokens
from catalog.store import connections, tokens
from catalog.store.tokens import RefreshToken
from common import messages
from common.contracts.problems import Code
from common.errors import Unavailable
from common.work.batch import Batch

log = structlog.get_logger()


async def refresh_tokens(batch: Batch, deps: Deps) -> None:
    """Exchange the merchant's refresh token when its time has come; hold the work when Clover does not accept it.

    The intent to send is committed first. After a lost answer the same token is sent again: Clover then refuses it, and
    gives the next pair in recovery. The access token is used until it expires in any case.
    """
    [key] = batch.keys
    async with deps.database.connection() as conn:
        held = await tokens.find(conn, batch.merchant_id)
    if held is None:
        return None
    if held.refresh_at > batch.now:
        return batch.repeat(key, held.refresh_at - batch.now)
    batch.subjects[key] = messages.for_locale().text("subject.connection")
    app = deps.oauth_apps.get(held.region)
    if app is None:
        raise Unavailable(f"QuickSync has no app in the region {held.region} (QS_CLOVER_APP_ID, QS_PUBLIC_URL)")
    async with batch.unit() as unit:
        if not await tokens.note_sent(unit.conn, batch.merchant_id, held.tokens_id, unit.now):
            return batch.retry(key, timedelta(0))
    batch.check_lease()
    try:
        pair = await _next_pair(batch, deps, app, held)
    except TokenRefused as refused:
        log.warning("Clover does not accept a refresh token", merchant_id=batch.merchant_id, reason=str(refused))
        async with batch.unit() as unit:
            await tokens.lose(unit.conn, batch.merchant_id, held.tokens_id, unit.now)
        return batch.hold(key, Code.CONNECTION_LOST, messages.for_locale().text("reason.token_refused"))
    await _save(batch, deps, held, pair)
    return batch.repeat(key, (pair.refresh_at or batch.now) - batch.now)


async def _next_pair(batch: Batch, deps: Deps, app: OAuthApp, held: RefreshToken) -> Tokens:
    """Ask Clover for the next pair; recover it when the answer to an earlier request was lost."""
    token = open_sealed(deps.sealer, Secret.REFRESH_TOKEN, batch.merchant_id, held.sealed_refresh_token)
    try:
        return await deps.oauth.refresh(app, token)
    except TokenRefused as refused:
        is_lost = refused.recoverable or held.refresh_sent_at is not None
        async with deps.database.connection() as conn:
            is_current = await tokens.is_current(conn, batch.merchant_id, held.tokens_id)
        if not is_lost or not app.secret or not is_current:
            raise
    return await deps.oauth.recover(app, token)


async def _save(batch: Batch, deps: Deps, held: RefreshToken, pair: Tokens) -> None:
    """Save the pair before anything uses it, even if the lease was lost meanwhile: the old one is used up."""
    sealed = sealed_tokens(deps.sealer, batch.merchant_id, pair)
    async with deps.database.unit() as unit:
        is_saved = await tokens.replace(unit.conn, batch.merchant_id, held.tokens_id, sealed)
        if is_saved and held.lost_at:
            unit.emit(await connections.reconnect(unit.conn, batch.merchant_id, unit.now))
