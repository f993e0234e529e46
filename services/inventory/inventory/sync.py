"""How inventory and Clover are brought together: counts into the ledger, our numbers into Clover."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from common.clock import Clock
from common.clover.transport import Clover, MerchantApi
from common.contracts.problems import Code
from common.db.database import Database
from common.db.unit import Priority, Unit
from common.errors import Ambiguous, AppError, Conflict, Forbidden, NotFound, Permanent, Throttled, Transient
from common.ids import uuid7
from common.work.batch import Batch, Kind
from inventory import clover, domain, store
from inventory.domain import PUSH_STOCK, READ_STOCK, SWEEP, Fate, Level, Push

AT_ONCE = timedelta(0)
FIRST_LOOK = timedelta(seconds=1)
"""How soon after a write of unknown fate Clover is looked at."""

STALE_SECONDS = 0.5
"""A reading older than this is made again before anything is written on it; usually a few ms pass."""


@dataclass(frozen=True)
class Deps:
    """`patience` is how long we wait for an answer, and how long after that a write may still arrive."""

    database: Database
    clover: Clover
    clock: Clock
    patience: timedelta
    sweep_every: timedelta


async def read_stock(batch: Batch, deps: Deps) -> None:
    """Bring Clover's counts of these items into the ledger."""
    known = await _known(batch)
    async with deps.clover.session(batch.merchant_id) as api:
        reading = await clover.read_counts(api, batch.keys_untried_first, known)
    async with batch.unit() as unit:
        await _account(unit, batch.merchant_id, reading)
    await _hold_linked(batch, reading.refused)
    for item_id, error in reading.failed.items():
        batch.failed_or_raise(item_id, error)


async def sweep(batch: Batch, deps: Deps) -> None:
    """Read every count there is: the guarantee behind the hints, for what Clover changed and for what we did."""
    seen: set[str] = set()
    async with deps.clover.session(batch.merchant_id) as api:
        async for reading in clover.read_pages(api):
            async with batch.unit() as unit:
                await _account(unit, batch.merchant_id, reading)
            seen |= reading.counts.keys()
    async with batch.unit() as unit:
        unit.mark(READ_STOCK, batch.merchant_id, await store.to_read(unit.conn, batch.merchant_id, list(seen)))
        unit.mark(PUSH_STOCK, batch.merchant_id, await store.pending(unit.conn, batch.merchant_id))
    for key in batch.keys:
        batch.repeat(key, deps.sweep_every)


async def push_stock(batch: Batch, deps: Deps) -> None:
    """Bring our numbers of these items into Clover, which takes absolute counts only and cannot compare-and-set.

    One after another, so that no other call of ours comes between the reading and the writing of an item. A write
    of unknown fate is settled by reading, never by repeating it.
    """
    async with deps.clover.session(batch.merchant_id) as api:
        for item_id in await _not_in_clover(batch):
            try:
                await _push(batch, deps, api, item_id)
            except (Throttled, Forbidden, Conflict):
                raise
            except NotFound as error:
                await _hold_linked(batch, {item_id: str(error)})
            except Permanent as error:
                batch.hold(item_id, Code.STOCK_REJECTED, str(error))
            except Transient as error:
                batch.failed_or_raise(item_id, error)


async def _known(batch: Batch) -> int:
    async with batch.database.connection() as conn:
        return await store.count_levels(conn, batch.merchant_id)


async def _hold_linked(batch: Batch, reasons: Mapping[str, str]) -> None:
    """Have a person look at the items that cannot be read; one without a link is gone without anybody's loss."""
    if not reasons:
        return
    async with batch.database.connection() as conn:
        linked = await store.linked_among(conn, batch.merchant_id, list(reasons))
    for item_id in linked:
        batch.hold(item_id, Code.STOCK_REJECTED, reasons[item_id])


async def _account(unit: Unit, merchant_id: str, reading: clover.Reading) -> None:
    """Turn counts into movements. Items with a push in doubt are left to whoever settles it."""
    news = await store.news(unit.conn, merchant_id, reading.counts)
    if not news:
        return
    await store.add_levels(unit, merchant_id, news)
    levels = await store.lock_levels(unit, merchant_id, news)
    doubtful = await store.open_pushes(unit.conn, merchant_id, news)
    moved = [
        domain.observe(level, reading.counts[level.item_id], unit.now)
        for level in levels
        if level.item_id not in doubtful
    ]
    await _record(unit, merchant_id, moved)


async def _record(unit: Unit, merchant_id: str, moved: Sequence[domain.Moved]) -> None:
    movements = [each.movement for each in moved if each.movement is not None]
    await store.record(unit, merchant_id, [each.level for each in moved], movements)


async def _not_in_clover(batch: Batch) -> list[str]:
    """Those of the keys that Clover has yet to be told of."""
    async with batch.database.connection() as conn:
        pending = set(await store.pending(conn, batch.merchant_id, batch.keys))
    return [key for key in batch.keys_untried_first if key in pending]


async def _push(batch: Batch, deps: Deps, api: MerchantApi, item_id: str) -> None:
    await api.reserve_calls(2)
    count = await clover.read_count(api, item_id)
    read_at = deps.clock.monotonic()
    push = await _open(batch, deps, item_id, count)
    if push is None:
        return
    if deps.clock.monotonic() - read_at > STALE_SECONDS:
        await _close(batch, push, Fate.NOT_APPLIED)
        batch.retry(item_id, AT_ONCE)
        return
    try:
        await clover.write_count(api, item_id, push.target)
    except Ambiguous:
        await _doubt(batch, deps, push)
    except AppError:
        await _close(batch, push, Fate.NOT_APPLIED)
        raise
    else:
        await _close(batch, push, Fate.APPLIED)


async def _open(batch: Batch, deps: Deps, item_id: str, count: int | None) -> Push | None:
    """Account for what Clover shows, and record what is to be written, committed before the first byte leaves."""
    async with batch.unit() as unit:
        [level] = await store.lock_levels(unit, batch.merchant_id, [item_id])
        doubtful = await store.open_pushes(unit.conn, batch.merchant_id, [item_id])
        for push in doubtful.values():
            fate = domain.judge(push, count, unit.now)
            if fate is Fate.UNKNOWN:
                batch.retry(item_id, push.doubtful_until - unit.now)
                return None
            level = await _settle(unit, batch.merchant_id, level, push, fate)
        moved = domain.observe(level, count, unit.now)
        await _record(unit, batch.merchant_id, [moved])
        # Sent until our own timeout is over at the latest, and applied by Clover as much later.
        planned = domain.plan_push(moved.level, count, uuid7(), unit.now, unit.now + 2 * deps.patience)
        if planned is not None:
            await store.add_push(unit, batch.merchant_id, planned)
    return planned


async def _close(batch: Batch, push: Push, fate: Fate) -> None:
    """Write down what became of the push, by Clover's own answer."""
    async with batch.unit() as unit:
        [level] = await store.lock_levels(unit, batch.merchant_id, [push.item_id])
        level = await _settle(unit, batch.merchant_id, level, push, fate)
        await store.record(unit, batch.merchant_id, [level], [])
        if fate is Fate.APPLIED:
            # The reading back: what Clover shows instead of the target is an inbound movement.
            unit.mark(READ_STOCK, batch.merchant_id, push.item_id, priority=Priority.LIVE)


async def _settle(unit: Unit, merchant_id: str, level: Level, push: Push, fate: Fate) -> Level:
    await store.close_push(unit, merchant_id, push, fate)
    if fate is Fate.APPLIED:
        unit.emit(domain.told_pushed(merchant_id, level, push))
    return domain.settle(level, push, fate)


async def _doubt(batch: Batch, deps: Deps, push: Push) -> None:
    """The answer to a write was lost: it may still arrive for a while, counted from now."""
    async with batch.unit() as unit:
        await store.doubt(unit, batch.merchant_id, push, unit.now + deps.patience)
    batch.retry(push.item_id, FIRST_LOOK)


SYNC = [
    Kind(READ_STOCK, read_stock, refused=Code.STOCK_REJECTED, batch=200),
    Kind(PUSH_STOCK, push_stock, refused=Code.STOCK_REJECTED, batch=20),
    Kind(SWEEP, sweep, refused=Code.STOCK_REJECTED, batch=1),
]
