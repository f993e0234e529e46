"""Carries out the decisions of a person about links."""

from dataclasses import replace

from catalog.deps import Deps
from catalog.domain.link_choices import Choice, LinkChoice
from catalog.domain.links import NewLink
from catalog.domain.masters import agreed_at_link
from catalog.domain.matching import LOOK_AGAIN
from catalog.domain.products import Matching, ProductRecord
from catalog.kinds import PUSH_PRODUCT, RESTORE_ITEM
from catalog.links import link_items, unlink_items
from catalog.store import former_items, item_groups, items, labels, link_choices, links, products
from catalog.sync import masters
from common.db.unit import Priority, Unit
from common.work.batch import Batch


async def choose_links(batch: Batch, deps: Deps) -> None:
    """Carry out these decisions, oldest first. The merchant's lease keeps pushes of its products away meanwhile."""
    async with batch.unit() as unit:
        for choice in await link_choices.choices(unit.conn, batch.merchant_id, batch.keys):
            record = await products.find(unit.conn, batch.merchant_id, choice.product_id)
            if record.creating_since and record.creating_since > batch.now - deps.create_settle:
                batch.retry(choice.product_id, LOOK_AGAIN)  # an item may appear that was created for it
                continue
            if choice.choice is Choice.LINK:
                await _link(unit, batch.merchant_id, record, choice)
            else:
                await _unlink(unit, batch.merchant_id, record, choice.choice)
            await link_choices.finish(unit.conn, batch.merchant_id, choice.product_id)


async def _link(unit: Unit, merchant_id: str, record: ProductRecord, choice: LinkChoice) -> None:
    """Link the product to the item, which is taken from any other product. An item that is gone changes nothing."""
    product, item_id = record.product, choice.item_id or ""
    found = await items.lock(unit.conn, merchant_id, [item_id])
    if item_id not in found:
        unit.mark(PUSH_PRODUCT, merchant_id, product.product_id)
        return
    owners = await links.owners(unit.conn, merchant_id, [item_id])
    if (owner := owners.get(item_id)) and owner != product.product_id:
        await _give_up(unit, merchant_id, await products.find(unit.conn, merchant_id, owner), Matching.AUTOMATIC)
        unit.mark(PUSH_PRODUCT, merchant_id, owner, priority=Priority.BULK)
    if record.item_id and record.item_id != item_id:
        await _leave(unit, merchant_id, record, record.item_id)
    group_id = found[item_id].details.group_id
    if record.item_id != item_id:
        linked = replace(record, item_id=item_id, item_group_id=group_id, is_outside_group=False)
        named = await labels.of_products(unit.conn, merchant_id, [record])
        fields = named.shown(found[item_id], linked.wanted)
        known = agreed_at_link(linked, fields, await masters.master_of(unit.conn, merchant_id))
        await former_items.save(unit.conn, merchant_id, {item_id: linked.adopt(fields).stated()})
        await link_choices.attach(unit.conn, merchant_id, product.product_id, item_id, known, group_id)
        apart = [product.product_id] if record.is_apart else []
        await link_items(unit, merchant_id, [NewLink(product.product_id, item_id, product.sku)], apart)
        await masters.absorb(unit, merchant_id, [item_id], "linked")
    is_outside_group = await _is_outside_group(unit, merchant_id, record, group_id)
    await link_choices.accept_structure(unit.conn, merchant_id, product.product_id, is_outside_group=is_outside_group)
    unit.mark(PUSH_PRODUCT, merchant_id, product.product_id)


async def _is_outside_group(unit: Unit, merchant_id: str, record: ProductRecord, group_id: str | None) -> bool:
    """Return whether an item of this item group is not in that of the product's parent, as a person decided."""
    variant = record.product.variant
    if variant is None:
        return False
    if group_id is None:
        return True
    if record.group_id is not None:
        return group_id != record.group_id
    taken = await item_groups.taken(unit.conn, merchant_id, [group_id])
    return taken.get(group_id, variant.group) != variant.group


async def _unlink(unit: Unit, merchant_id: str, record: ProductRecord, choice: Choice) -> None:
    """Take the product's item from it; it stays apart, or gets an item of its own."""
    matching = Matching.CREATE if choice is Choice.CREATE else Matching.APART
    item_id = record.item_id
    await _give_up(unit, merchant_id, record, matching)
    if item_id:
        await unlink_items(unit, merchant_id, [item_id])
    unit.mark(PUSH_PRODUCT, merchant_id, record.product.product_id)


async def _leave(unit: Unit, merchant_id: str, record: ProductRecord, item_id: str) -> None:
    """Give the item back what it had; hide one that was created for the product, which the till would show twice."""
    if item_id not in await former_items.adopted(unit.conn, merchant_id, [item_id]):
        await former_items.hide(unit.conn, merchant_id, [item_id])
        unit.mark(RESTORE_ITEM, merchant_id, item_id, priority=Priority.BULK)
    await _restore(unit, merchant_id, record)


async def _give_up(unit: Unit, merchant_id: str, record: ProductRecord, matching: Matching) -> None:
    await _restore(unit, merchant_id, record)
    await link_choices.detach(unit.conn, merchant_id, record.product.product_id, matching)


async def _restore(unit: Unit, merchant_id: str, record: ProductRecord) -> None:
    if record.item_id and await former_items.release_all(unit.conn, merchant_id, {record.item_id: record.last_pushed}):
        unit.mark(RESTORE_ITEM, merchant_id, record.item_id, priority=Priority.BULK)
