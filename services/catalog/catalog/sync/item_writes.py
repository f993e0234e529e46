"""Changes and deletes items that QuickSync gives up: many in one call, a few one by one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from catalog.clover import items as clover
from catalog.domain.items import Item
from catalog.store import items
from catalog.sync import lookups
from catalog.sync.items import draw_number, save
from catalog.sync.writes import FEW
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db.unit import Unit
from common.errors import NotFound
from common.work.batch import Batch


@dataclass(frozen=True)
class ItemWrite:
    """A write to an item, which finishes this key of the batch. Without `changes` the item is deleted."""

    key: str
    item_id: str
    changes: Mapping[str, object] | None = None


Finish: TypeAlias = Callable[[Unit, Sequence[ItemWrite]], Awaitable[None]]


async def write_items(batch: Batch, api: MerchantApi, writes: Sequence[ItemWrite], finish: Finish) -> None:
    """Carry out these writes; `finish` writes the consequences of the done ones. An item that is gone is no error.

    When Clover refuses a call of many, the engine splits the batch until the bad item stands alone.
    """
    deletions = [each for each in writes if each.changes is None]
    changes = [each for each in writes if each.changes is not None]
    singly = deletions if len(deletions) <= FEW else await _delete_together(batch, api, deletions, finish)
    singly += changes if len(changes) <= FEW else await _change_together(batch, api, changes, finish)
    await _one_by_one(batch, api, singly, finish)


async def _delete_together(
    batch: Batch, api: MerchantApi, writes: Sequence[ItemWrite], finish: Finish
) -> list[ItemWrite]:
    """Delete the items; return those of the calls that Clover refused because an item of them is gone."""
    refused: list[ItemWrite] = []
    for start in range(0, len(writes), clover.MOST_NAMED):
        part = writes[start : start + clover.MOST_NAMED]
        number = await draw_number(batch)
        try:
            await clover.delete_items(api, [each.item_id for each in part])
        except NotFound:
            refused += part
        else:
            await _finish(batch, part, [], number, finish)
    return refused


async def _change_together(
    batch: Batch, api: MerchantApi, writes: Sequence[ItemWrite], finish: Finish
) -> list[ItemWrite]:
    """Change the items; return those that the answer lacks."""
    number = await draw_number(batch)
    answer = await clover.update_items(api, {each.item_id: each.changes or {} for each in writes})
    shown = {item.id: item for item in answer}
    if not shown:  # the form of the answer is not known
        shown = await lookups.read_items(batch, api, [each.item_id for each in writes])
    await _finish(batch, [each for each in writes if each.item_id in shown], list(shown.values()), number, finish)
    return [each for each in writes if each.item_id not in shown]


async def _one_by_one(batch: Batch, api: MerchantApi, writes: Sequence[ItemWrite], finish: Finish) -> None:
    by_key = {each.key: each for each in writes}

    async def write(key: str) -> None:
        number = await draw_number(batch)
        try:
            item = await _write(api, by_key[key])
        except NotFound:  # the mirror learns of it, unless it was there all the same
            if await lookups.read_items(batch, api, [by_key[key].item_id]):
                raise
            item = None
        await _finish(batch, [by_key[key]], [item] if item else [], number, finish)

    await batch.for_each(list(by_key), write, rejected=Code.PRODUCT_REJECTED, concurrency=lambda: api.concurrency)


async def _write(api: MerchantApi, write: ItemWrite) -> Item | None:
    if write.changes is None:
        await clover.delete_item(api, write.item_id)
        return None
    return await clover.update_item(api, write.item_id, write.changes)


async def _finish(batch: Batch, done: Sequence[ItemWrite], shown: Sequence[Item], number: int, finish: Finish) -> None:
    async with batch.unit() as unit:
        await finish(unit, done)
        deleted = [each.item_id for each in done if each.changes is None]
        await items.mark_deleted(unit.conn, batch.merchant_id, deleted, number, unit.now)
        await save(unit, batch.merchant_id, shown, number)
    batch.done |= {each.key for each in done}
