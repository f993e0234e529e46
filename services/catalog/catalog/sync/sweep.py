"""Reads all items of a merchant: at first after connecting, and again and again.

Webhooks may be lost, and deletions are in no list of changes.
"""

from dataclasses import replace
from datetime import timedelta

import structlog

from catalog.deps import Deps
from catalog.kinds import ALL_LABELS, READ_ITEM, READ_LABELS
from catalog.store import items, labels
from catalog.sync.pull import CURSOR, Cursor, Phase, pull_items
from common.db import merchants
from common.db.unit import Priority
from common.errors import Forbidden, TimedOut, Unavailable, Undecodable
from common.work.batch import Batch
from common.work.run import Run

PORTION = 10_000
"""Items of the mirror that are looked for at once among those that the pages have shown."""

FIRST_PAUSE = timedelta(seconds=10)
"""The pause of a first sync after Clover did not answer; products wait for it."""

log = structlog.get_logger()


async def sweep_items(batch: Batch, deps: Deps) -> None:
    """Read all items into the mirror, and those by their ids that are only there; then repeat.

    It runs in slices. One that Clover does not answer goes on later: the products themselves report a problem with
    Clover. Sweeps end when the merchant is disconnected; the next connection starts them again.
    """
    [key] = batch.keys
    async with batch.unit() as unit:
        if not await merchants.known(unit.conn, [batch.merchant_id]):
            await items.forget_state(unit.conn, batch.merchant_id)
            return None
        known = await items.count(unit.conn, batch.merchant_id)
        is_first = (await items.mirror_state(unit.conn, batch.merchant_id)).completed_at is None
    run = await batch.run(key, CURSOR)
    run.total = run.total or known or None
    try:
        is_over = await _pull(batch, run, deps) and await _read_unshown(batch, run)
    except (Forbidden, Unavailable, TimedOut, Undecodable) as error:
        log.warning("sweep of items interrupted", reason=str(error))
        return batch.retry(key, min(FIRST_PAUSE, deps.sweep_interval) if is_first else deps.sweep_interval)
    if not is_over:
        return batch.more(key)
    async with batch.unit() as unit:
        if not await labels.are_known(unit.conn, batch.merchant_id):
            unit.mark(READ_LABELS, batch.merchant_id, ALL_LABELS, priority=Priority.BULK)
    return batch.repeat(key, deps.sweep_interval)


async def _pull(batch: Batch, run: Run, deps: Deps) -> bool:
    if Cursor.of(run).phase is Phase.UNSHOWN:
        return True
    async with deps.clover.session(batch.merchant_id, batch.priority) as api:
        return await pull_items(batch, run, api)


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
