"""Applies links: the SKUs of the items change, and an item that replaces another takes over the SKU's stock."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from common.catalog_client import ItemLink
from common.db import links
from common.db.unit import Unit
from common.work import table
from inventory.domain.ledger import Movement, stock_changed
from inventory.domain.links import Rule, Side, correct, hand_over
from inventory.domain.sales import AFTER_REPORT, TillSale, last_count
from inventory.kinds import PUSH_STOCK, READ_STOCK
from inventory.store import ledger, levels, sales
from inventory.store import links as hand_overs
from inventory.store.links import Moved

OVERLAP = timedelta(minutes=1)
"""Of two units that change an item, the one that began first may be the second to get the lock."""

EVER = datetime.min.replace(tzinfo=UTC)


async def apply_links(unit: Unit, merchant_id: str, given: Sequence[ItemLink]) -> None:
    """Save the links that are news, assign the SKUs anew and read the counts of the linked items."""
    await levels.lock_skus(unit, merchant_id)
    changed = await links.save(unit, merchant_id, given)
    if not changed:
        return
    await levels.assign_skus(unit, merchant_id, changed)
    for each in changed:
        if not each.linked:
            await _give_up(unit, merchant_id, each.item_id)
    replaced = [Moved(each.item_id, each.replaced_by, each.sku) for each in changed if each.replaced_by]
    if replaced:
        await _hand_over(unit, merchant_id, replaced)
    linked = {each.item_id for each in changed if each.linked}
    unit.mark(READ_STOCK, merchant_id, sorted(linked | {each.new for each in replaced}))


async def apply_sales(unit: Unit, merchant_id: str, given: Sequence[TillSale]) -> None:
    """Keep these sales at the till, and correct what moved with a SKU before they were reported."""
    await levels.keep_skus(unit, merchant_id)  # else a SKU that moves just now would miss them, and they it
    await sales.add(unit, merchant_id, given)
    items, since = sorted({each.item_id for each in given}), min(each.begins for each in given)
    if moved := await hand_overs.recent(unit.conn, merchant_id, items, since):
        await _move(unit, merchant_id, moved, correct)


async def _hand_over(unit: Unit, merchant_id: str, moved: Sequence[Moved]) -> None:
    """Let each item that replaces another take over the SKU's stock, once: a tombstone is news only once."""
    await hand_overs.note(unit, merchant_id, moved)
    await _move(unit, merchant_id, moved, hand_over)


async def _move(unit: Unit, merchant_id: str, moved: Sequence[Moved], rule: Rule) -> None:
    """Change the two items of each SKU that moved as the rule says."""
    involved = sorted({item_id for each in moved for item_id in (each.old, each.new)})
    locked = {each.item_id: each for each in await levels.lock_or_add_levels(unit, merchant_id, involved)}
    lines = await ledger.count_lines(unit.conn, merchant_id, involved)
    counts = await _last_counts(unit, merchant_id, lines)
    changes = await ledger.changes_since(unit.conn, merchant_id, _begins(moved, counts))
    movements: list[Movement] = []
    for old, new, sku in moved:
        old_side, new_side = (Side(locked[each], lines[each], counts[each]) for each in (old, new))
        handed = rule(sku, old_side, new_side, changes[sku], unit.now)
        changes[sku] += handed.movements
        movements += handed.movements
        locked[old], locked[new] = handed.old.level, handed.new.level
    await ledger.record(unit, merchant_id, list(locked.values()), movements)
    # The lines name the SKU that moved, which the former item has no more.
    unit.emit(*stock_changed(merchant_id, [replace(each, sku=locked[each.item_id].sku) for each in movements]))
    newer = {each.item_id for each in movements if locked[each.item_id].needs_push}
    unit.mark(PUSH_STOCK, merchant_id, sorted(newer))


async def _last_counts(
    unit: Unit, merchant_id: str, lines: Mapping[str, Sequence[Movement]]
) -> dict[str, Movement | None]:
    """Return the last line of each item in which a person counted it."""
    oldest = min((each[0].recorded_at for each in lines.values() if each), default=unit.now)
    sold = await sales.reported_since(unit.conn, merchant_id, list(lines), oldest - AFTER_REPORT)
    return {item_id: last_count(lines[item_id], sold[item_id]) for item_id in lines}


def _begins(moved: Sequence[Moved], counts: Mapping[str, Movement | None]) -> dict[str, datetime]:
    """Return for each SKU the time of the earliest of these counts; changes before it concern neither item any more."""
    found: dict[str, datetime] = {}
    for each in moved:
        for count in (counts[each.old], counts[each.new]):
            at = count.recorded_at - OVERLAP if count else EVER
            found[each.sku] = min(found.get(each.sku, at), at)
    return found


async def _give_up(unit: Unit, merchant_id: str, item_id: str) -> None:
    """Drop the held work of an unlinked item. Work that runs just now must not become held after this."""
    for kind in (READ_STOCK, PUSH_STOCK):
        if not await table.drop(unit, merchant_id, kind, item_id):
            await table.retry(unit, merchant_id, kind, item_id)
