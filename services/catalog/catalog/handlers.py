"""What catalog does when something happened elsewhere: rows, marks and events of its own, never a call."""

from common.contracts.notifier import RecheckRequested
from common.db.inbox import Handlers
from common.db.unit import Unit
from common.work import table


async def on_recheck_requested(asked: RecheckRequested, unit: Unit) -> None:
    """Try again what waits here for this problem."""
    await table.release(unit, asked.merchant_id, asked.code)


HANDLERS: Handlers = {RecheckRequested: on_recheck_requested}
