"""Catalog's reactions to events: rows, marks and events of its own, never a call to Clover."""

from datetime import timedelta

from catalog.kinds import PUSH_PRODUCT
from catalog.store import links
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.db.inbox import Handlers
from common.db.unit import Priority, Unit
from common.work import table

ITEM = "I"

GATHERING = timedelta(seconds=3)
"""Hints about an item are gathered for this long, because every change of its stock brings one."""


async def on_object_changed(event: ObjectChanged, unit: Unit) -> None:
    """Compare the item's product with Clover. A new item may replace one that was deleted."""
    if event.kind != ITEM:
        return
    affected = await links.linked_products(unit.conn, event.merchant_id, [event.object_id])
    if not affected and event.action == "CREATE":
        affected = await links.products_without_item(unit.conn, event.merchant_id)
    unit.mark(PUSH_PRODUCT, event.merchant_id, affected, priority=Priority.BULK, due=unit.now + GATHERING)


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    """Retry the products that are held under this problem. Each shows as held until its retry succeeds."""
    await table.release(unit, event.merchant_id, event.code)


HANDLERS: Handlers = {ObjectChanged: on_object_changed, RecheckRequested: on_recheck_requested}
