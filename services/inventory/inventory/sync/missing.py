"""Holds items that Clover does not have."""

from collections.abc import Mapping

from common.contracts.problems import Code
from common.work.batch import Batch
from inventory.store import levels


async def hold_linked(batch: Batch, reasons: Mapping[str, str]) -> None:
    """Hold the linked items among these with their reasons; an item without a link affects no product and is done."""
    if not reasons:
        return
    async with batch.database.connection() as conn:
        linked = await levels.linked_items(conn, batch.merchant_id, reasons)
    for item_id in linked:
        batch.hold(item_id, Code.STOCK_REJECTED, reasons[item_id])
