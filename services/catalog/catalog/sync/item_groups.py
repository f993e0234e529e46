"""Deletes item groups that are empty since their last variant was purged."""

from contextlib import suppress

from catalog.clover import item_groups as clover
from catalog.deps import Deps
from catalog.store import variants
from common.contracts.problems import Code
from common.errors import NotFound
from common.work.batch import Batch


async def delete_groups(batch: Batch, deps: Deps) -> None:
    """Delete the item groups of these parents, unless one has a product or an item again."""
    async with deps.database.connection() as conn:
        groups = await variants.unused_groups(conn, batch.merchant_id, batch.keys)
    async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:

        async def delete(parent_id: str) -> None:
            if group_id := groups[parent_id]:
                with suppress(NotFound):  # it may be gone already
                    await clover.delete_group(api, group_id)
            async with batch.unit() as unit:
                await variants.forget(unit.conn, batch.merchant_id, parent_id)

        await batch.for_each(list(groups), delete, rejected=Code.PRODUCT_REJECTED, concurrency=lambda: api.concurrency)
