"""Catalog's reactions to events: rows, marks and events of its own, never a call to Clover."""

from collections.abc import Sequence
from datetime import timedelta

from catalog.domain.setup import FOUND_BY_ORDERS, SETUP_CODES, is_over, reported, resolved
from catalog.kinds import ACCESS, ALL_LABELS, CHECK_ACCESS, CHECK_SETUP, READ_ITEM, READ_LABELS, SETUP
from catalog.store import access, item_groups, setup
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.db import merchants
from common.db.inbox import Handlers
from common.db.unit import Priority, Unit
from common.work import table

ITEM = "I"
CATEGORY = "IC"
GROUP = "IG"
APP = "A"
MERCHANT = "M"

GATHERING = timedelta(seconds=3)
"""Hints about an item are gathered for this long, because every change of its stock brings one."""


async def on_object_changed(event: ObjectChanged, unit: Unit) -> None:
    """Read the item into the mirror, or the items of an item group, or the names of the categories.

    Products follow from it. Clover sends a webhook of each item that a category gains or loses (a guess). A
    category that was deleted counts on no item any more, so its items are not read.
    """
    unit.gather(_hear_webhooks, event.merchant_id, event.kind)
    if event.kind == APP and event.action == "DELETE":
        await _on_app_uninstalled(event, unit)
    if event.kind not in {ITEM, CATEGORY, GROUP} or not await merchants.known(unit.conn, [event.merchant_id]):
        return
    changed = [event.object_id]
    if event.kind == CATEGORY:
        changed = []
        unit.mark(READ_LABELS, event.merchant_id, ALL_LABELS, priority=Priority.BULK, due=unit.now + GATHERING)
    if event.kind == GROUP:  # documented for modifier groups alone, which no item names
        changed = await item_groups.items_of(unit.conn, event.merchant_id, event.object_id)
    unit.mark(READ_ITEM, event.merchant_id, changed, priority=Priority.BULK, due=unit.now + GATHERING)


async def _hear_webhooks(unit: Unit, merchant_id: str, kinds: Sequence[str]) -> None:
    """Note that webhooks arrive; check the setup if they were missing, or the merchant's properties have changed."""
    if await setup.hear(unit, merchant_id) or MERCHANT in kinds:
        unit.mark(CHECK_SETUP, merchant_id, SETUP, priority=Priority.BULK)


async def _on_app_uninstalled(event: ObjectChanged, unit: Unit) -> None:
    """Ask Clover whether that is so: the webhook may be older than the connection."""
    await access.note_uninstalled(unit.conn, event.merchant_id, unit.now)
    unit.mark(CHECK_ACCESS, event.merchant_id, ACCESS, priority=Priority.LIVE)


async def on_problem_opened(event: ProblemOpened, unit: Unit) -> None:
    """Ask Clover whether the access is lost, as some service was refused; catalog has the means to renew it.

    The order type and tender that orders misses in Clover are noted among the checks of the setup.
    """
    if event.code is Code.CONNECTION_LOST and await access.is_accepted(unit.conn, event.merchant_id):
        unit.mark(CHECK_ACCESS, event.merchant_id, ACCESS, priority=Priority.LIVE)
    check = FOUND_BY_ORDERS.get(event.code)
    if check and not is_over((await setup.find(unit.conn, event.merchant_id)).get(check), event.opened_at):
        await setup.save(unit.conn, event.merchant_id, [reported(check, event.opened_at, unit.now)])


async def on_problem_closed(event: ProblemClosed, unit: Unit) -> None:
    """Note that orders found a part of the setup that it had missed."""
    if check := FOUND_BY_ORDERS.get(event.code):
        await setup.save(unit.conn, event.merchant_id, [resolved(check, event.opened_at, unit.now)])


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    """Retry the work that waits under this problem. Each product shows as held until its retry succeeds."""
    await table.release(unit, event.merchant_id, event.code)
    # The last check may have been accepted, so that none waits; a service that is refused again reports nothing new.
    if event.code is Code.CONNECTION_LOST:
        unit.mark(CHECK_ACCESS, event.merchant_id, ACCESS, priority=Priority.LIVE)
    if event.code in SETUP_CODES:
        unit.mark(CHECK_SETUP, event.merchant_id, SETUP, priority=Priority.LIVE)


HANDLERS: Handlers = {
    ObjectChanged: on_object_changed,
    ProblemClosed: on_problem_closed,
    ProblemOpened: on_problem_opened,
    RecheckRequested: on_recheck_requested,
}
