"""Catalog's reactions to events: rows, marks and events of its own, never a call to Clover."""

from common.contracts.notifier import RecheckRequested
from common.db.inbox import Handlers
from common.db.unit import Unit
from common.work import table


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    """Retry the products that are held under this problem. Each shows as held until its retry succeeds."""
    await table.release(unit, event.merchant_id, event.code)


HANDLERS: Handlers = {RecheckRequested: on_recheck_requested}
