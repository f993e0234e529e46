"""Finds out whether Clover still accepts the access to a merchant, when something says that it may not."""

from datetime import timedelta
from uuid import UUID

import structlog

from catalog.clover import connections as clover
from catalog.deps import Deps
from catalog.domain.access import NextStep, RefusedAccess
from catalog.kinds import REFRESH_TOKENS, TOKENS
from catalog.store import access, connections
from common import messages
from common.contracts.problems import Code
from common.db.unit import Priority
from common.errors import Forbidden
from common.work import table
from common.work.batch import Batch

log = structlog.get_logger()


async def check_access(batch: Batch, deps: Deps) -> None:
    """Ask Clover with the stored token. When it refuses, refresh it, wait, or erase the tokens of an uninstalled app.

    All work of the merchant is held meanwhile, by its own refusals. When Clover accepts the access again, all services
    hear of it and go on.
    """
    [key] = batch.keys
    async with deps.database.connection() as conn:
        tokens_id = await access.present_token(conn, batch.merchant_id)
    if tokens_id is None:
        return
    batch.subjects[key] = messages.for_locale().text("subject.connection")
    if await _is_accepted(batch, deps):
        await _accept(batch)
    else:
        await _refuse(batch, key, tokens_id)


async def _is_accepted(batch: Batch, deps: Deps) -> bool:
    try:
        async with deps.clover.session(batch.merchant_id, batch.priority) as api:
            return await clover.is_accepted(api)
    except Forbidden:
        return False


async def _accept(batch: Batch) -> None:
    async with batch.unit() as unit:
        if await access.accept(unit.conn, batch.merchant_id):
            unit.emit(await connections.reconnect(unit.conn, batch.merchant_id, unit.now))
            await table.release(unit, batch.merchant_id, Code.CONNECTION_LOST)


async def _refuse(batch: Batch, key: str, tokens_id: UUID) -> None:
    async with batch.unit() as unit:
        refused = await access.refuse(unit.conn, batch.merchant_id, tokens_id, unit.now)
        step = refused.next_step(unit.now) if refused else None
        if step is NextStep.REFRESH:
            await access.demand_refresh(unit.conn, batch.merchant_id, unit.now)
            unit.mark(REFRESH_TOKENS, batch.merchant_id, TOKENS, priority=Priority.LIVE)
        elif step is NextStep.ERASE:
            log.warning("the tokens of an uninstalled app are erased", merchant_id=batch.merchant_id)
            await access.erase_tokens(unit.conn, batch.merchant_id, unit.now)
    match step:
        case None:  # another token was saved meanwhile, which is to be tried itself
            batch.retry(key, timedelta(0))
        case NextStep.REFRESH:
            batch.retry(key, timedelta(seconds=10))
        case NextStep.WAIT if isinstance(refused, RefusedAccess):
            batch.retry(key, refused.ask_again_after(batch.now), Code.CONNECTION_LOST)
        case NextStep.ERASE:
            batch.hold(key, Code.CONNECTION_LOST, messages.for_locale().text("reason.app_uninstalled"))
