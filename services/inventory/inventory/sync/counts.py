"""Brings Clover's counts into the ledger."""

from collections.abc import Mapping, Sequence

import structlog

from common.clover.paging import LARGEST_PAGE
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db import merchants
from common.db.unit import Priority, Unit
from common.work.batch import Batch
from common.work.row import Hold, Outcome
from common.work.run import Run
from inventory import clover
from inventory.deps import Deps
from inventory.domain.ledger import stock_changed
from inventory.kinds import PUSH_STOCK, READ_STOCK
from inventory.store import counts, levels, pushes
from inventory.sync.missing import hold_linked

log = structlog.get_logger()

CURSOR = 2
"""The cursor of a sweep is the offset of the next page; after the last one, EXPECTED with the last item looked for."""

EXPECTED = "expected after "
PORTION = 10_000
"""Items that are looked for at once among those that the pages have shown."""

PAGES_AT_ONCE = 5
"""Pages that a batch of reads may take; a larger inventory is read item by item, in slices."""


async def read_stock(batch: Batch, deps: Deps) -> None:
    """Bring Clover's counts of these items into the ledger."""
    async with batch.database.connection() as conn:
        known = await levels.count_levels(conn, batch.merchant_id)
        batch.subjects |= await levels.labels(conn, batch.merchant_id, batch.keys)
    async with deps.clover.session(batch.merchant_id, batch.priority) as api:
        item_ids = batch.keys_untried_first
        if min(len(item_ids), PAGES_AT_ONCE + 1) > known // LARGEST_PAGE + 1:  # else single reads cost fewer calls
            item_ids = await _read_pages(batch, api, item_ids)

        async def read(item_id: str) -> None:
            await _save(batch, await clover.read_one(api, item_id))

        await batch.for_each(item_ids, read, rejected=Code.STOCK_REJECTED, concurrency=lambda: api.concurrency)


async def _read_pages(batch: Batch, api: MerchantApi, item_ids: Sequence[str]) -> list[str]:
    """Read all counts and return the items that were missing: paging can skip rows while others are deleted."""
    shown: set[str] = set()
    page = clover.StockPage(clover.Reading(), 0, is_last=False)
    while not page.is_last and page.end < PAGES_AT_ONCE * LARGEST_PAGE:
        page = await clover.read_page(api, page.end)
        await _save(batch, page.reading)
        shown |= page.reading.counts.keys() | page.reading.refused.keys()
    return [each for each in item_ids if each not in shown]


async def _save(batch: Batch, reading: clover.Reading) -> None:
    waited = [row.key for row in batch.rows if row.problem and row.key in reading.counts]
    async with batch.unit() as unit:
        await _absorb(unit, batch.merchant_id, reading)
        # The push of an item whose read was held is done without a write.
        if waited:
            unit.mark(PUSH_STOCK, batch.merchant_id, await pushes.items_to_push(unit.conn, batch.merchant_id, waited))
    await hold_linked(batch, reading.refused)


async def sweep(batch: Batch, deps: Deps) -> None:
    """Read all counts and mark all work that is missing, since webhooks may be lost and work rows may be deleted.

    It runs in slices. Sweeps end when the merchant is disconnected; the next connection starts them again.
    """
    async with batch.database.connection() as conn:
        if not await merchants.known(conn, [batch.merchant_id]):
            return None
        known = await levels.count_levels(conn, batch.merchant_id)
    [key] = batch.keys
    run = await batch.run(key, CURSOR)
    run.total = run.total or known or None
    if not (await _absorb_pages(batch, run, deps) and await _mark_unshown(batch, run)):
        return batch.more(key)
    async with batch.unit() as unit:
        unit.mark(READ_STOCK, batch.merchant_id, await counts.refused_items(unit.conn, batch.merchant_id))
        unit.mark(PUSH_STOCK, batch.merchant_id, await pushes.items_to_push(unit.conn, batch.merchant_id))
    return batch.repeat(key, deps.sweep_interval)


async def _absorb_pages(batch: Batch, run: Run, deps: Deps) -> bool:
    """Account for page after page until the slice is over; return whether that was all."""
    if _reached(run) is not None:
        return True
    async with deps.clover.session(batch.merchant_id, batch.priority) as api:
        while True:
            page = await clover.read_page(api, int(run.cursor or 0))
            ids = list(page.reading.counts)
            repeats = not page.is_last and (not ids or await run.has_page(ids))
            if repeats:
                log.warning("paging of counts ended early, because the pages repeat")
            async with batch.unit() as unit:
                await _absorb(unit, batch.merchant_id, page.reading)
                await run.save(unit, EXPECTED if page.is_last or repeats else str(page.end), ids)
            if page.is_last or repeats:
                return True
            if await batch.gives_way():
                return False


async def _mark_unshown(batch: Batch, run: Run) -> bool:
    """Mark the items that no page has shown, until the slice is over; return whether that was all."""
    while (after := _reached(run)) is not None:
        if await batch.gives_way():
            return False
        async with batch.unit() as unit:
            expected = await counts.expected_after(unit.conn, batch.merchant_id, after, PORTION)
            unit.mark(READ_STOCK, batch.merchant_id, await run.unshown(unit.conn, expected))
            if len(expected) < PORTION:
                return True
            await run.save(unit, EXPECTED + expected[-1])
    return False


def _reached(run: Run) -> str | None:
    """Return the last item that was looked for; None while pages are read."""
    return run.cursor.removeprefix(EXPECTED) if run.cursor and run.cursor.startswith(EXPECTED) else None


async def note_refusals(unit: Unit, merchant_id: str, outcomes: Mapping[str, Outcome | None]) -> None:
    """Keep on each item whether its read is held, so that the sweep reads it again."""
    refused = {item_id: isinstance(outcome, Hold) for item_id, outcome in outcomes.items()}
    await counts.note_refusals(unit, merchant_id, refused)


async def _absorb(unit: Unit, merchant_id: str, reading: clover.Reading) -> None:
    """Account for these counts, and push where ours is newer: an inherited count, or one with earlier adjustments."""
    changes = await counts.absorb(unit, merchant_id, reading.counts)
    unit.emit(*stock_changed(merchant_id, [change.movement for change in changes if change.movement]))
    newer = [change.level.item_id for change in changes if change.level.needs_push]
    unit.mark(PUSH_STOCK, merchant_id, newer, priority=Priority.LIVE)
