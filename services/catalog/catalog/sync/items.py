"""Keeps the mirror of Clover's items, and marks the products that a change of an item concerns."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

import structlog

from catalog.clover import items as clover
from catalog.clover.items import ItemPage
from catalog.deps import Deps
from catalog.domain.items import Item, UnreadableItem
from catalog.kinds import PUSH_PRODUCT, READ_ITEM
from catalog.store import items, labels, link_choices, links, products
from catalog.sync import masters
from common.contracts.problems import Code
from common.db.unit import Priority, Unit
from common.errors import Rejected, Undecodable
from common.work.batch import Batch

UNREADABLE_PAUSE = timedelta(minutes=1)
"""The pause after Clover showed an item or a list of items that cannot be read; products may wait for it."""

log = structlog.get_logger()


async def read_items(batch: Batch, deps: Deps) -> None:
    """Read these items into the mirror, in one call as far as they exist.

    One that cannot be read is read again and again; the merchant learns of it.
    """
    async with deps.clover.session(batch.merchant_id, batch.priority) as api:
        number = await draw_number(batch)
        try:
            page = await clover.find_items(api, batch.keys)
        except (Rejected, Undecodable) as error:  # the next sweep reads them
            log.warning("items not read", reason=str(error))
            return
        missing = set(batch.keys) - set(page.ids)
        single = [await clover.find_item(api, each) for each in await _expected(batch, missing)]
    found = [*page.items, *(each for each in single if isinstance(each, Item))]
    unreadable = [*page.unreadable, *(each for each in single if isinstance(each, UnreadableItem))]
    async with batch.unit() as unit:
        await save(unit, batch.merchant_id, found, number)
        await items.save_unreadable(unit.conn, batch.merchant_id, unreadable, number)
        gone = missing - {each.id for each in found} - {each.id for each in unreadable}
        await _save_deletions(unit, batch.merchant_id, gone, number)
    for each in unreadable:
        batch.subjects[each.id] = f"{each.name} ({each.sku})" if each.sku else each.name or each.id
        batch.retry(each.id, min(UNREADABLE_PAUSE, deps.sweep_interval), Code.ITEMS_UNREADABLE, each.reason)


async def save_unreadable(unit: Unit, merchant_id: str, shown: Sequence[UnreadableItem], number: int) -> None:
    """Save the known parts of items that cannot be read; the work that reads each of them again reports it."""
    if shown:
        await items.save_unreadable(unit.conn, merchant_id, shown, number)
        unit.mark(READ_ITEM, merchant_id, [each.id for each in shown], priority=Priority.BULK)


async def draw_number(batch: Batch) -> int:
    """Return the number of a read that begins now."""
    async with batch.database.connection() as conn:
        return await items.draw_number(conn)


async def save_page(unit: Unit, merchant_id: str, page: ItemPage, number: int) -> None:
    """Save a page of changes."""
    await save(unit, merchant_id, page.items, number)
    await save_unreadable(unit, merchant_id, page.unreadable, number)


async def save(unit: Unit, merchant_id: str, shown: Sequence[Item], number: int) -> None:
    """Save items that Clover showed, and mark the products that their changes concern.

    An item that is shown again as it was marks nothing: a push reads changes itself, and must not cause the next push.
    """
    changed = await _save_and_seek(unit, merchant_id, shown, number)
    await _compare(unit, merchant_id, shown, changed)


async def save_swept(unit: Unit, merchant_id: str, page: ItemPage, number: int) -> None:
    """Save a page of a sweep, and mark the product of each item that differs, also of one that is as it was."""
    await _save_and_seek(unit, merchant_id, page.items, number)
    await _compare(unit, merchant_id, page.items, {each.id for each in page.items})
    await save_unreadable(unit, merchant_id, page.unreadable, number)


async def _save_and_seek(unit: Unit, merchant_id: str, shown: Sequence[Item], number: int) -> set[str]:
    """Save items, and mark the products that may wait for one that changed; return the changed ones.

    These are the ones without an item that have its SKU, and that of an item that could not be read before.
    """
    unreadable = (await items.unreadable(unit.conn, merchant_id)).item_ids
    saved = await items.save(unit.conn, merchant_id, shown, number)
    held = await links.linked_products(unit.conn, merchant_id, unreadable & saved.keys()) if unreadable else []
    unit.mark(PUSH_PRODUCT, merchant_id, held, priority=Priority.BULK)
    changed, absorbed = set(saved), await follow(unit, merchant_id, shown, saved)
    unit.mark(PUSH_PRODUCT, merchant_id, absorbed, priority=Priority.BULK)
    skus = [each.fields.sku for each in shown if each.id in changed and each.fields.sku]
    lost = await links.products_without_item(unit.conn, merchant_id, skus, limit=len(skus)) if skus else []
    unit.mark(PUSH_PRODUCT, merchant_id, lost, priority=Priority.BULK)
    return changed


async def save_shown(unit: Unit, merchant_id: str, shown: Sequence[Item], number: int) -> None:
    """Save items whose products are at work on them."""
    await follow(unit, merchant_id, shown, await items.save(unit.conn, merchant_id, shown, number))


async def follow(unit: Unit, merchant_id: str, shown: Iterable[Item], saved: Mapping[str, bool]) -> list[str]:
    """Mark the work that follows from items that changed in the mirror; return the products that were edited in Clover.

    Products that wait for a decision about one of them are marked. `saved` tells whether each item is new.
    """
    waiting = await link_choices.in_conflict(unit.conn, merchant_id, saved) if saved else []
    unit.mark(PUSH_PRODUCT, merchant_id, waiting, priority=Priority.BULK)
    await masters.report_created(unit, merchant_id, [each for each in shown if saved.get(each.id)])
    return await masters.absorb(unit, merchant_id, [item_id for item_id, is_new in saved.items() if not is_new])


async def save_deletions(unit: Unit, merchant_id: str, gone: Collection[str], number: int) -> list[str]:
    """Record that a read did not find these items in Clover; return those of which that is news."""
    news = await items.mark_deleted(unit.conn, merchant_id, gone, number, unit.now)
    await masters.report_deleted(unit, merchant_id, news)
    return news


async def _compare(unit: Unit, merchant_id: str, shown: Sequence[Item], news: Collection[str]) -> None:
    """Mark the products of these news whose item differs, and note the ones whose written values Clover shows.

    The same edit at the till is a new one from then on.
    """
    found = {item.id: item for item in shown}
    linked = await products.find_concerned(unit.conn, merchant_id, found, news) if found else []
    named = await labels.of_products(unit.conn, merchant_id, linked)
    known = [(each, named.shown(found[each.item_id], each.wanted)) for each in linked if each.item_id]
    different = [
        each.product.product_id for each, fields in known if each.item_id in news and each.differs_from(fields)
    ]
    unit.mark(PUSH_PRODUCT, merchant_id, different, priority=Priority.BULK)
    kept = [each.product.product_id for each, fields in known if each.is_kept_in(fields)]
    if kept:
        await products.confirm(unit.conn, merchant_id, kept)


async def _expected(batch: Batch, missing: Collection[str]) -> list[str]:
    """Return those of the items missing in a list that the mirror has or a product is linked to.

    Each of them is asked for by its id: a list may lack an item that was added a moment ago.
    """
    async with batch.database.connection() as conn:
        known = await items.there(conn, batch.merchant_id, missing)
        linked = await links.owners(conn, batch.merchant_id, missing)
    return sorted({*known, *linked})


async def _save_deletions(unit: Unit, merchant_id: str, gone: Collection[str], number: int) -> None:
    news = await save_deletions(unit, merchant_id, gone, number)
    affected = await links.linked_products(unit.conn, merchant_id, gone)
    affected += await link_choices.in_conflict(unit.conn, merchant_id, news)
    unit.mark(PUSH_PRODUCT, merchant_id, affected, priority=Priority.BULK)
