"""Applies links: the SKUs of the items change, and an item that replaces another takes over its stock."""

from collections.abc import Mapping, Sequence

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
    replaced = {each.item_id: each.replaced_by for each in changed if each.replaced_by}
    if replaced:
        await _hand_over(unit, merchant_id, replaced)
    for each in changed:
        if not each.linked:
            await _give_up(unit, merchant_id, each.item_id)
    linked = {each.item_id for each in changed if each.linked}
    unit.mark(READ_STOCK, merchant_id, sorted(linked | set(replaced.values())))


async def _hand_over(unit: Unit, merchant_id: str, replaced: Mapping[str, str]) -> None:
    """Let each item that replaces another take over its count. It happens once, as a tombstone is news only once."""
    found = await levels.lock_or_add_levels(unit, merchant_id, sorted({*replaced, *replaced.values()}))
    locked, movements = {each.item_id: each for each in found}, []
    for old, new in replaced.items():
        change, locked[new] = hand_over(locked[old], locked[new], unit.now)
        locked[old] = change.level
        movements += [change.movement] if change.movement else []
    await ledger.record(unit, merchant_id, list(locked.values()), movements)
    unit.emit(*stock_changed(merchant_id, movements))


async def _give_up(unit: Unit, merchant_id: str, item_id: str) -> None:
    """Drop the held work of an unlinked item. Work that runs just now must not become held after this."""
    for kind in (READ_STOCK, PUSH_STOCK):
        if not await table.drop(unit, merchant_id, kind, item_id):
            await table.retry(unit, merchant_id, kind, item_id)
