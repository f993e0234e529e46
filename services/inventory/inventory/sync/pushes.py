"""Brings our stock into Clover, which takes absolute counts only and has no compare-and-set."""

from datetime import timedelta

from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db.unit import Priority, Unit
from common.errors import Ambiguous, AppError, NotFound
from common.ids import uuid7
from common.work.batch import Batch
from inventory import clover
from inventory.deps import Deps
from inventory.domain import pushes as rules
from inventory.domain.counts import apply_clover_count
from inventory.domain.ledger import stock_changed
from inventory.domain.levels import Level
from inventory.domain.pushes import Push, PushOutcome
from inventory.kinds import READ_STOCK
from inventory.store import ledger, levels, pushes
from inventory.sync.missing import hold_linked

AT_ONCE = timedelta(0)

FIRST_CHECK = timedelta(seconds=1)
"""Pause between a write without an answer and the first read of its result; most late writes arrive within it."""

MAX_READ_AGE = 0.5
"""Seconds between read and write above which the read is repeated; a till sale in between would be overwritten."""


async def push_stock(batch: Batch, deps: Deps) -> None:
    """Bring our stock of these items into Clover.

    The write of an item follows its read without a wait in between. A write without an answer is resolved by reading
    and never repeated blindly.
    """
    async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:

        async def push(item_id: str) -> None:
            try:
                await _push(batch, deps, api, item_id)
            except NotFound as error:
                await _close_open(batch, item_id)
                await hold_linked(batch, {item_id: str(error)})

        items = await _items_to_push(batch)
        await batch.for_each(items, push, rejected=Code.STOCK_REJECTED, concurrency=lambda: api.concurrency)


async def _items_to_push(batch: Batch) -> list[str]:
    async with batch.database.connection() as conn:
        batch.subjects |= await levels.labels(conn, batch.merchant_id, batch.keys)
        needed = set(await pushes.items_to_push(conn, batch.merchant_id, batch.keys))
    return [key for key in batch.keys_untried_first if key in needed]


async def _push(batch: Batch, deps: Deps, api: MerchantApi, item_id: str) -> None:
    async with api.reserve(2) as pair:
        count = await clover.read_count(pair, item_id)
        read_at = deps.clock.monotonic()
        push = await _open(batch, deps, item_id, count)
        if push is None:
            return
        if deps.clock.monotonic() - read_at > MAX_READ_AGE:
            await _close(batch, push, PushOutcome.NOT_APPLIED)
            batch.retry(item_id, AT_ONCE)
            return
        outcome = await _write(batch, pair, push)
    if outcome is PushOutcome.APPLIED:
        await _close(batch, push, outcome)
    else:
        await _keep_open(batch, deps, push)


async def _write(batch: Batch, pair: MerchantApi, push: Push) -> PushOutcome:
    """Write the count. When its answer is lost the outcome is UNKNOWN; any other error ends the push."""
    try:
        await clover.write_count(pair, push.item_id, push.target)
    except Ambiguous:
        return PushOutcome.UNKNOWN
    except AppError:
        await _close(batch, push, PushOutcome.NOT_APPLIED)
        raise
    return PushOutcome.APPLIED


async def _open(batch: Batch, deps: Deps, item_id: str, count: int | None) -> Push | None:
    """Account for Clover's count and record the planned write, committed before its first byte is sent."""
    async with batch.unit() as unit:
        [level] = await levels.lock_levels(unit, batch.merchant_id, [item_id])
        for push in (await pushes.open_pushes(unit.conn, batch.merchant_id, [item_id])).values():
            outcome = rules.resolve_push(push, count, unit.now)
            if outcome is PushOutcome.UNKNOWN:
                batch.retry(item_id, push.deadline - unit.now)
                return None
            level = await _record_outcome(unit, batch.merchant_id, level, push, outcome)
        change = apply_clover_count(level, count, unit.now)
        movements = [change.movement] if change.movement else []
        await ledger.record(unit, batch.merchant_id, [change.level], movements)
        unit.emit(*stock_changed(batch.merchant_id, movements))
        # We send for at most one timeout, and Clover may apply the write up to one timeout after that.
        deadline = unit.now + 2 * deps.clover_timeout
        planned = rules.plan_push(change.level, count, uuid7(), unit.now, deadline)
        if planned is not None:
            await pushes.add_push(unit, batch.merchant_id, planned)
    return planned


async def _close(batch: Batch, push: Push, outcome: PushOutcome) -> None:
    """Record the outcome that Clover's own answer gave."""
    async with batch.unit() as unit:
        [level] = await levels.lock_levels(unit, batch.merchant_id, [push.item_id])
        level = await _record_outcome(unit, batch.merchant_id, level, push, outcome)
        await levels.update_levels(unit, batch.merchant_id, [level])
        if outcome is PushOutcome.APPLIED:
            # The read-back: any count but the target is an inbound movement, such as a sale right after the write.
            unit.mark(READ_STOCK, batch.merchant_id, push.item_id, priority=Priority.LIVE)


async def _close_open(batch: Batch, item_id: str) -> None:
    """The item is gone, so a write to it without an answer has nothing left to change."""
    async with batch.unit() as unit:
        for push in (await pushes.open_pushes(unit.conn, batch.merchant_id, [item_id])).values():
            await pushes.close_push(unit, batch.merchant_id, push, PushOutcome.NOT_APPLIED)


async def _record_outcome(unit: Unit, merchant_id: str, level: Level, push: Push, outcome: PushOutcome) -> Level:
    await pushes.close_push(unit, merchant_id, push, outcome)
    if outcome is PushOutcome.APPLIED:
        unit.emit(rules.stock_pushed(merchant_id, level, push))
    return rules.close_push(level, push, outcome)


async def _keep_open(batch: Batch, deps: Deps, push: Push) -> None:
    """The answer to a write is lost, so the write may still arrive within one timeout from now."""
    async with batch.unit() as unit:
        await pushes.extend_deadline(unit, batch.merchant_id, push, unit.now + deps.clover_timeout)
    batch.retry(push.item_id, FIRST_CHECK)
