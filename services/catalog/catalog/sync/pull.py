"""Reads the pages of all items into the mirror, in slices.

Pages are read by their offset, side by side. Clover may cut a list (a cap near 1,000 was reported, a census read
102,000 rows); then the items are read again by their ids, one page after another.
"""

import asyncio
from collections import deque
from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self, TypeAlias

import structlog

from catalog.clover import items as clover
from catalog.clover.items import ItemPage
from catalog.store import items
from catalog.sync.items import draw_number, position, save_swept
from common.clover.paging import LARGEST_PAGE
from common.clover.transport import MerchantApi
from common.db.unit import Unit
from common.errors import Rejected
from common.work.batch import Batch
from common.work.run import Run

Read: TypeAlias = tuple[int, ItemPage]
"""A page with the number of its read."""

CURSOR = 3
PAGES_A_CALL = 2
"""Pages under way for each call that may be in flight: while one is saved, others call."""

CUT_AT = {LARGEST_PAGE, 2 * LARGEST_PAGE}
"""A list that ends without a short page here may have been cut by a cap near 1,000."""

log = structlog.get_logger()


class Phase(StrEnum):
    """The part of a sweep; the cursor's `reached` is an offset in the first one and an item id in the others."""

    BY_OFFSET = "offset"
    BY_ID = "id"
    UNSHOWN = "unshown"


@dataclass(frozen=True)
class Cursor:
    """How far a sweep has got. `seen_until` is the time, by Clover's clock, of before its first page."""

    phase: Phase = Phase.BY_OFFSET
    reached: str = ""
    seen_until: int = 0

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return the cursor of the run."""
        if run.cursor is None:
            return cls()
        phase, reached, seen_until = run.cursor.split(" ")
        return cls(Phase(phase), reached, int(seen_until))

    def __str__(self) -> str:
        return f"{self.phase} {self.reached} {self.seen_until}"


class _Cut(Exception):
    """Clover does not show the whole list by offset."""


async def pull_items(batch: Batch, run: Run, api: MerchantApi) -> bool:
    """Read the pages of all items until the slice is over; return whether all are read."""
    if Cursor.of(run).phase is Phase.BY_OFFSET:
        try:
            return await _by_offset(batch, run, api)
        except _Cut:
            log.warning("the list of items is cut, so they are read by id", merchant_id=batch.merchant_id)
            run.done, run.total = 0, None
            async with batch.unit() as unit:
                await run.save(unit, str(Cursor(Phase.BY_ID, "", Cursor.of(run).seen_until)))
    return Cursor.of(run).phase is Phase.UNSHOWN or await _by_id(batch, run, api)


async def _by_offset(batch: Batch, run: Run, api: MerchantApi) -> bool:
    """Read pages side by side and save them in their order, so that the cursor skips none."""
    offset = following = int(Cursor.of(run).reached or 0)
    ahead: deque[asyncio.Task[Read]] = deque()
    called: set[int] = set()
    gives_way, shown = False, None
    try:
        while True:
            while (
                not gives_way and len(ahead) < PAGES_A_CALL * api.concurrency and not _is_beyond(run, following, ahead)
            ):
                ahead.append(asyncio.create_task(_read(batch, api, following, called)))
                following += LARGEST_PAGE
            if not ahead:
                return False
            number, page = await ahead.popleft()
            await _check(run, page, offset, shown)
            offset, shown = offset + LARGEST_PAGE, [item.id for item in page.items]
            await _save(batch, run, (number, page), Phase.BY_OFFSET, str(offset))
            if page.is_last:
                return True
            gives_way = gives_way or await batch.gives_way_side_by_side()
            while gives_way and following - LARGEST_PAGE not in called and ahead:
                ahead.pop().cancel()  # it waits for its turn to call, as the live work does
                following -= LARGEST_PAGE
    finally:
        for task in ahead:
            task.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)


def _is_beyond(run: Run, offset: int, ahead: Sized) -> bool:
    """Return whether the page is probably empty, by what the last run found. The next page is always read."""
    return len(ahead) > 0 and run.total is not None and offset >= run.total


async def _read(batch: Batch, api: MerchantApi, offset: int, called: set[int]) -> Read:
    """Read the page, and note its offset in `called` as soon as it is its turn to call."""
    async with api.reserve(1) as call:
        called.add(offset)
        number = await draw_number(batch)
        try:
            return number, await clover.item_page(call, offset)
        except Rejected as error:
            if offset:
                raise _Cut from error
            raise


async def _check(run: Run, page: ItemPage, offset: int, before: Sequence[str] | None) -> None:
    """Raise _Cut when the page is the one before again, or the list ends where Clover may have cut it."""
    ids = [item.id for item in page.items]
    if not page.size and offset in CUT_AT:
        raise _Cut
    if not page.is_last and (ids == before or (before is None and await run.has_page(ids))):
        raise _Cut


async def _by_id(batch: Batch, run: Run, api: MerchantApi) -> bool:
    while True:
        number = await draw_number(batch)
        page = await clover.items_after(api, Cursor.of(run).reached)
        await _save(batch, run, (number, page), Phase.BY_ID, page.last_id)
        if page.is_last:
            return True
        if await batch.gives_way():
            return False


async def _save(batch: Batch, run: Run, read: Read, phase: Phase, reached: str) -> None:
    number, page = read
    async with batch.unit() as unit:
        await save_swept(unit, batch.merchant_id, page.items, number)
        cursor = Cursor.of(run)
        if run.cursor is None:
            cursor = replace(cursor, seen_until=position(page.items))
        cursor = replace(cursor, phase=phase, reached=reached)
        if page.is_last:
            cursor = await _completed(unit, batch.merchant_id, cursor)
        await run.save(unit, str(cursor), [item.id for item in page.items])


async def _completed(unit: Unit, merchant_id: str, cursor: Cursor) -> Cursor:
    await items.complete(unit.conn, merchant_id, unit.now, cursor.seen_until)
    return replace(cursor, phase=Phase.UNSHOWN, reached="")
