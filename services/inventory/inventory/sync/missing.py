"""Holds items whose stock Clover refuses."""

from collections.abc import Mapping

from common.contracts.problems import Code
from common.work import table
from common.work.batch import Batch
from inventory.kinds import PUSH_STOCK, READ_STOCK
from inventory.store import levels


async def hold_linked(batch: Batch, reasons: Mapping[str, str]) -> None:
    """Hold the linked items among these with their reasons; an item without a link affects no product and is dropped.

    An item waits once: its read is dropped if its push is held already, and the other way round. Else the merchant
    would read of two things to do. Whichever is held covers the other, as a read marks the push and a push reads.
    """
    if not reasons:
        return
    other = PUSH_STOCK if batch.rows[0].kind == READ_STOCK else READ_STOCK
    async with batch.database.connection() as conn:
        linked = await levels.linked_items(conn, batch.merchant_id, reasons)
        others = await table.states(conn, batch.merchant_id, other, linked)
    held = {item_id for item_id, state in others.items() if state.held}
    for item_id, reason in reasons.items():
        if item_id in linked and item_id not in held:
            batch.hold(item_id, Code.STOCK_REJECTED, reason)
        else:
            batch.drop(item_id)
