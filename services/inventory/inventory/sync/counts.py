"""Brings Clover's counts into the ledger."""

from collections.abc import Mapping

from common.db.unit import Priority, Unit
from common.work.batch import Batch, Hold, Outcome
from inventory import clover
from inventory.deps import Deps
from inventory.domain.ledger import stock_changed
from inventory.kinds import PUSH_STOCK, READ_STOCK
from inventory.store import counts, levels, pushes
from inventory.sync.missing import hold_linked


async def read_stock(batch: Batch, deps: Deps) -> None:
    """Bring Clover's counts of these items into the ledger."""
    async with batch.database.connection() as conn:
        known = await levels.count_levels(conn, batch.merchant_id)
        batch.subjects |= await levels.labels(conn, batch.merchant_id, batch.keys)
    async with deps.clover.session(batch.merchant_id) as api:
        reading = await clover.read_counts(api, batch.keys_untried_first, known)
    waited = [row.key for row in batch.rows if row.problem and row.key in reading.counts]
    async with batch.unit() as unit:
        await _absorb(unit, batch.merchant_id, reading)
        # The push of an item whose read was held is done without a write.
        if waited:
            unit.mark(PUSH_STOCK, batch.merchant_id, await pushes.items_to_push(unit.conn, batch.merchant_id, waited))
    await hold_linked(batch, reading.refused)
    for item_id, error in reading.failed.items():
        batch.failed_or_raise(item_id, error)


async def sweep(batch: Batch, deps: Deps) -> None:
    """Read all counts and mark all work that is missing, since webhooks may be lost and work rows may be deleted."""
    shown: set[str] = set()
    async with deps.clover.session(batch.merchant_id) as api:
        async for reading in clover.read_pages(api):
            async with batch.unit() as unit:
                await _absorb(unit, batch.merchant_id, reading)
            shown |= reading.counts.keys()
    async with batch.unit() as unit:
        unit.mark(READ_STOCK, batch.merchant_id, await counts.items_to_read(unit.conn, batch.merchant_id, shown))
        unit.mark(PUSH_STOCK, batch.merchant_id, await pushes.items_to_push(unit.conn, batch.merchant_id))
    for key in batch.keys:
        batch.repeat(key, deps.sweep_interval)


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
