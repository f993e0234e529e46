"""Applies links: the SKUs of the items change, and an item that replaces another takes over its stock."""

from collections.abc import Sequence

from common.catalog_client import ItemLink
from common.db import links
from common.db.unit import Unit
from common.work import table
from inventory.domain.ledger import stock_changed
from inventory.domain.links import hand_over
from inventory.kinds import PUSH_STOCK, READ_STOCK
from inventory.store import ledger, levels


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
    replaced = [(each.item_id, each.replaced_by, each.sku) for each in changed if each.replaced_by]
    if replaced:
        await _hand_over(unit, merchant_id, replaced)
    linked = {each.item_id for each in changed if each.linked}
    unit.mark(READ_STOCK, merchant_id, sorted(linked | {new for _, new, _ in replaced}))


async def _hand_over(unit: Unit, merchant_id: str, replaced: Sequence[tuple[str, str, str]]) -> None:
    """Let each item that replaces another take over the SKU's stock, once: a tombstone is news only once."""
    involved = sorted({item_id for old, new, _ in replaced for item_id in (old, new)})
    locked = {each.item_id: each for each in await levels.lock_or_add_levels(unit, merchant_id, involved)}
    recent, movements = await ledger.recent_changes(unit.conn, merchant_id, replaced), []
    for old, new, _ in replaced:
        handed = hand_over(locked[old], locked[new], unit.now, recent[old])
        locked[old], locked[new] = handed.old.level, handed.new.level
        movements += handed.movements
    await ledger.record(unit, merchant_id, list(locked.values()), movements)
    unit.emit(*stock_changed(merchant_id, movements))
    newer = {each.item_id for each in movements if locked[each.item_id].needs_push}
    unit.mark(PUSH_STOCK, merchant_id, sorted(newer))


async def _give_up(unit: Unit, merchant_id: str, item_id: str) -> None:
    """Drop the held work of an unlinked item. Work that runs just now must not become held after this."""
    for kind in (READ_STOCK, PUSH_STOCK):
        if not await table.drop(unit, merchant_id, kind, item_id):
            await table.retry(unit, merchant_id, kind, item_id)
