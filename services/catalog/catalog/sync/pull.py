"""Reads the pages of all items into the mirror, in slices.

Pages are read by their offset, side by side. Clover may cut a list (a cap near 1,000 was reported, a census read
102,000 rows), and where items are deleted meanwhile, others are skipped. Then the items are read again by their ids,
one page after another.
"""

from dataclasses import replace
from typing import TypeAlias

import structlog

from catalog.clover import items as clover
from catalog.clover.items import ItemPage
from catalog.domain import mirror
from catalog.kinds import PUSH_PRODUCT
from catalog.store import items, products
from catalog.sync.cursor import STEP, Cursor, Phase
from catalog.sync.items import draw_number, save_swept
from catalog.sync.pages import Pages, Read
from common.clover.paging import LARGEST_PAGE
from common.clover.transport import MerchantApi
from common.db.unit import Priority, Unit
from common.errors import Rejected
from common.work.batch import Batch
from common.work.run import Run

CUT_AT = {LARGEST_PAGE, 2 * LARGEST_PAGE}
"""A list that ends exactly here may have been cut by a cap near 1,000."""

log = structlog.get_logger()


class _Incomplete(Exception):
    """Clover does not show the whole list by offset: it is cut, or items were deleted meanwhile."""


Ends: TypeAlias = dict[int, tuple[str, str]]
"""The first and the last item of each page that this slice has saved, by its offset."""


async def pull_items(batch: Batch, run: Run, api: MerchantApi) -> bool:
    """Read the pages of all items until the slice is over; return whether all are read."""
    if Cursor.of(run).phase is Phase.BY_OFFSET:
        try:
            return await _by_offset(batch, run, api)
        except _Incomplete:
            log.warning("the list of items is not complete, so they are read by id", merchant_id=batch.merchant_id)
            run.done, run.total = 0, None
            async with batch.unit() as unit:
                await run.save(unit, str(Cursor(Phase.BY_ID, "", Cursor.of(run).seen_until)))
    return Cursor.of(run).phase is Phase.UNSHOWN or await _by_id(batch, run, api)


async def _by_offset(batch: Batch, run: Run, api: MerchantApi) -> bool:
    """Read pages side by side, and save each as soon as it has come.

    After a crash only those on their way are read again.
    """

    async def read(offset: int, called: set[int]) -> Read:
        async with api.reserve(1) as call:
            called.add(offset)
            number = await draw_number(batch)
            try:
                return number, await clover.item_page(call, offset)
            except Rejected as error:
                if offset:
                    raise _Incomplete from error
                raise

    ends: Ends = {}
    async with Pages(read, batch.gives_way_side_by_side) as pages:
        while True:
            cursor = Cursor.of(run)
            pages.start(cursor, api.concurrency, run.total)
            taken = await pages.take(cursor.offset, any_full=run.cursor is not None)
            if taken is None:
                return False
            offset, (number, page) = taken
            await _check(run, page, offset, ends)
            await _save(batch, run, (number, page), cursor.with_page(offset), new=len(page.ids) - bool(offset))
            if page.is_last:
                return True
            await pages.look()


async def _check(run: Run, page: ItemPage, offset: int, ends: Ends) -> None:
    """Raise _Incomplete when the list ends where Clover may have cut it, or this is an earlier page again.

    And when it does not overlap with the pages beside it that are saved. The database has those of earlier slices.
    """
    if (page.is_last and offset + page.size in CUT_AT) or (offset and not page.ids):
        raise _Incomplete
    if not page.ids:
        return
    first, last = page.ids[0], page.ids[-1]
    if (first, last) in ends.values() or (not ends and await run.has_page(page.ids)):
        raise _Incomplete
    for beside, shared, place in ((offset - STEP, first, -1), (offset + STEP, last, 0)):
        if beside in ends:
            overlaps = ends[beside][place] in page.ids
        else:
            overlaps = not Cursor.of(run).has(beside) or await _was_shown(run, shared)
        if not overlaps:
            raise _Incomplete
    ends[offset] = first, last


async def _was_shown(run: Run, item_id: str) -> bool:
    async with run.database.connection() as conn:
        return not await run.unshown(conn, [item_id])


async def _by_id(batch: Batch, run: Run, api: MerchantApi) -> bool:
    while True:
        number = await draw_number(batch)
        page = await clover.items_after(api, Cursor.of(run).reached)
        cursor = replace(Cursor.of(run), phase=Phase.BY_ID, reached=page.last_id)
        await _save(batch, run, (number, page), cursor, new=len(page.ids))
        if page.is_last:
            return True
        if await batch.gives_way():
            return False


async def _save(batch: Batch, run: Run, read: Read, cursor: Cursor, *, new: int) -> None:
    """Save a page, and that the run goes on from this cursor. `new` is the number of items that it shows first.

    All pages are read later than the first one saved.
    """
    number, page = read
    async with batch.unit() as unit:
        await save_swept(unit, batch.merchant_id, page, number)
        if run.cursor is None:
            cursor = replace(cursor, seen_until=mirror.seen_until(page.items, page.as_of, batch.now))
        if page.is_last:
            cursor = await _completed(unit, batch.merchant_id, cursor)
        await run.save(unit, str(cursor), page.ids, done=new)


async def _completed(unit: Unit, merchant_id: str, cursor: Cursor) -> Cursor:
    if await items.complete(unit.conn, merchant_id, unit.now, cursor.seen_until):
        # The products wait for it. Those beyond a call of many look again by themselves.
        waiting = await products.without_item(unit.conn, merchant_id, clover.MOST_IN_BULK)
        unit.mark(PUSH_PRODUCT, merchant_id, waiting, priority=Priority.BULK)
    return Cursor(Phase.UNSHOWN, "", cursor.seen_until)
