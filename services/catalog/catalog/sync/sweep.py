"""Compares a merchant's mirror with Clover again and again, because webhooks may be lost.

A large catalogue is compared by its changes and its number of items: two calls when nothing happened. All items are
read after the connection, when the number differs (deletions are in no list of changes), and now and then.
"""

from dataclasses import replace

import structlog

from catalog.clover import items as clover
from catalog.deps import Deps
from catalog.domain import mirror
from catalog.kinds import ALL_LABELS, READ_ITEM, READ_LABELS
from catalog.store import items, labels
from catalog.store.items import MirrorState
from catalog.sync.cursor import VERSION, Cursor, Phase
from catalog.sync.deltas import sweep_changes
from catalog.sync.items import UNREADABLE_PAUSE
from catalog.sync.pull import pull_items
from common import messages
from common.clover.paging import LARGEST_PAGE
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db import merchants
from common.db.unit import Priority
from common.errors import NotFound, Rejected, TimedOut, Unavailable, Undecodable, reason
from common.work.batch import Batch
from common.work.run import Run

PORTION = 10_000
"""Items of the mirror that are looked for at once among those that the pages have shown."""

log = structlog.get_logger()


async def sweep_items(batch: Batch, deps: Deps) -> None:
    """Compare the mirror with Clover, by the changes or by all items; then repeat.

    It runs in slices. One that Clover does not answer goes on later. Where Clover shows no list that can be read, the
    merchant learns of it: until all items were read once, products wait. Sweeps end when the merchant is disconnected;
    the next connection starts them again.
    """
    [key] = batch.keys
    async with batch.unit() as unit:
        if not await merchants.known(unit.conn, [batch.merchant_id]):
            await items.forget_state(unit.conn, batch.merchant_id)
            return None
        state = await items.mirror_state(unit.conn, batch.merchant_id)
    run = await batch.run(key, VERSION)
    try:
        is_over = await _compare(batch, run, deps, state)
    except (Unavailable, TimedOut) as error:
        log.warning("sweep of items interrupted", reason=str(error))
        return batch.failed(key, error)
    except (NotFound, Rejected, Undecodable) as error:
        log.warning("items cannot be read", reason=str(error))
        batch.subjects[key] = messages.for_locale().text("subject.all_items")
        after = min(UNREADABLE_PAUSE, deps.sweep_interval)
        return batch.retry(key, after, Code.ITEMS_UNREADABLE, reason(error))
    if not is_over:
        return batch.more(key)
    async with batch.unit() as unit:
        if not await labels.are_known(unit.conn, batch.merchant_id):
            unit.mark(READ_LABELS, batch.merchant_id, ALL_LABELS, priority=Priority.BULK)
    return batch.repeat(key, deps.sweep_interval)


async def _compare(batch: Batch, run: Run, deps: Deps, state: MirrorState) -> bool:
    """Compare the mirror with Clover until the slice is over; return whether that was all."""
    if Cursor.of(run).phase is not Phase.UNSHOWN:
        async with deps.clover.session(batch.merchant_id, batch.priority) as api:
            if await _goes_by_changes(batch, run, deps, state):
                if not await sweep_changes(batch, run, api, state):
                    return False
                if await _has_all(batch, api):
                    return True
                await _start_pull(batch, run, state)
            if not await pull_items(batch, run, api):
                return False
    return await _read_unshown(batch, run)


async def _goes_by_changes(batch: Batch, run: Run, deps: Deps, state: MirrorState) -> bool:
    if run.cursor is not None:
        return Cursor.of(run).phase is Phase.CHANGES
    async with batch.database.connection() as conn:
        known = await items.count(conn, batch.merchant_id)
    run.total = known or None
    if known < LARGEST_PAGE:  # all of them are one call, and the comparison two
        return False
    return not mirror.is_sweep_due(state.swept_at, batch.now, deps.full_sweep_interval)


async def _has_all(batch: Batch, api: MerchantApi) -> bool:
    """Return whether Clover has as many items as the mirror, so that none was deleted."""
    async with batch.database.connection() as conn:
        known = await items.count(conn, batch.merchant_id)
    return bool(known) and await clover.has_items(api, known)


async def _start_pull(batch: Batch, run: Run, state: MirrorState) -> None:
    """Go on with all items. Of the changes those were read that Clover made before `changes_from`, and more."""
    async with batch.unit() as unit:
        run.done, run.total = 0, await items.count(unit.conn, batch.merchant_id) or None
        await run.save(unit, str(Cursor(seen_until=state.changes_from)))


async def _read_unshown(batch: Batch, run: Run) -> bool:
    """Read those items of the mirror that no page has shown, until the slice is over; return whether that was all.

    Each is read before it counts as deleted: a page by offset misses an item when others are deleted meanwhile.
    """
    while True:
        if await batch.gives_way():
            return False
        cursor = Cursor.of(run)
        async with batch.unit() as unit:
            known = await items.after(unit.conn, batch.merchant_id, cursor.reached, PORTION)
            unshown = await run.unshown(unit.conn, known)
            unit.mark(READ_ITEM, batch.merchant_id, unshown, priority=Priority.BULK)
            if len(known) < PORTION:
                return True
            await run.save(unit, str(replace(cursor, reached=known[-1])))
