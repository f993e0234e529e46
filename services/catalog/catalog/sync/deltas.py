"""Reads the changes since the last time into the mirror: a call when they are at most a page.

Deletions are not among the changes that Clover lists.
"""

from dataclasses import replace

from catalog.clover import items as clover
from catalog.clover.items import ItemPage
from catalog.domain import mirror
from catalog.kinds import ALL_ITEMS, SWEEP_ITEMS
from catalog.store import items
from catalog.store.items import MirrorState
from catalog.sync.cursor import Cursor, Phase
from catalog.sync.items import draw_number, save_page
from common.clover.transport import MerchantApi
from common.db.unit import Priority
from common.work.batch import Batch
from common.work.run import Run

MOST_PAGES = 20
"""Further pages that background work reads by itself, before it leaves the rest to the sweep."""


async def read_changes(batch: Batch, api: MerchantApi) -> bool:
    """Read the changes; return whether the mirror is complete with them.

    Live work of the merchant would wait for more than a page: then the sweep reads them, in slices.
    """
    async with batch.database.connection() as conn:
        state = await items.mirror_state(conn, batch.merchant_id)
    if state.completed_at is None:
        return False
    page, seen_until = await _newest(batch, api, state)
    is_over = page.is_last or (batch.priority is Priority.BULK and await _others(batch, api, state))
    async with batch.unit() as unit:
        if is_over:
            await items.save_position(unit.conn, batch.merchant_id, seen_until)
        else:
            unit.mark(SWEEP_ITEMS, batch.merchant_id, ALL_ITEMS, priority=Priority.BULK)
    return is_over


async def sweep_changes(batch: Batch, run: Run, api: MerchantApi, state: MirrorState) -> bool:
    """Read the changes until the slice is over; return whether all are read."""
    cursor = Cursor.of(run)
    if run.cursor is None:
        run.total = None
        page, seen_until = await _newest(batch, api, state)
        cursor = Cursor(Phase.CHANGES, "", seen_until)
        if page.is_last:
            async with batch.unit() as unit:
                await items.save_position(unit.conn, batch.merchant_id, seen_until)
            return True
    while True:
        page = await _following(batch, api, cursor.reached, state)
        cursor = replace(cursor, reached=page.last_id or cursor.reached)
        async with batch.unit() as unit:
            await run.save(unit, str(cursor), done=page.size)
            if page.is_last:
                await items.save_position(unit.conn, batch.merchant_id, cursor.seen_until)
        if page.is_last:
            return True
        if await batch.gives_way():
            return False


async def _newest(batch: Batch, api: MerchantApi, state: MirrorState) -> tuple[ItemPage, int]:
    """Save the newest changes; return them, and the time before which a read that begins now shows all of them."""
    number = await draw_number(batch)
    page = await clover.newest_changes(api, state.changes_from)
    async with batch.unit() as unit:
        await save_page(unit, batch.merchant_id, page, number)
    return page, mirror.seen_until(page.items, page.as_of, batch.now)


async def _others(batch: Batch, api: MerchantApi, state: MirrorState) -> bool:
    """Save the changes page by page; return whether that was all."""
    reached = ""
    for _ in range(MOST_PAGES):
        if await batch.gives_way_side_by_side():
            return False
        page = await _following(batch, api, reached, state)
        if page.is_last:
            return True
        reached = page.last_id
    return False


async def _following(batch: Batch, api: MerchantApi, item_id: str, state: MirrorState) -> ItemPage:
    """Save the page of changes after this item; by id, as thousands may have been modified in one second."""
    number = await draw_number(batch)
    page = await clover.items_after(api, item_id, state.changes_from)
    async with batch.unit() as unit:
        await save_page(unit, batch.merchant_id, page, number)
    return page
