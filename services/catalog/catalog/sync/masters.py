"""Takes note of edits made in Clover: once each, in the transaction of the mirror's row."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, cast

from catalog.domain import matching
from catalog.domain.choices import Master
from catalog.domain.item_groups import ItemGroup
from catalog.domain.items import Item, ItemFields
from catalog.domain.links import NewLink
from catalog.domain.masters import Edit, Merged, edited, is_accounted, merge, superseded_by_name
from catalog.domain.matching import Step
from catalog.domain.products import ProductRecord
from catalog.links import link_items
from catalog.store import changes, choices, item_groups, items, labels, links, masters, products
from common.contracts.catalog import EditReverted, FieldEdit, FieldValue, ItemCreated, ItemDeleted, ProductChanged
from common.db.unit import Connection, Unit
from common.work.batch import Batch

Cause = Literal["edited_in_clover", "linked"]


async def master_of(conn: Connection, merchant_id: str) -> Master:
    """Return the master of the merchant's catalogue."""
    return (await choices.find(conn, merchant_id)).catalog_master


async def absorb(
    unit: Unit, merchant_id: str, item_ids: Collection[str], cause: Cause = "edited_in_clover"
) -> list[str]:
    """Account for what was edited of these items in Clover, as the mirror has them; return the products concerned.

    The rows of the items are locked before those of their products, in all transactions, so that none deadlock. What
    the mirror has then is no older than what the products agreed on with Clover.
    """
    concerned = await _unaccounted(unit.conn, merchant_id, item_ids) if item_ids else []
    if not concerned:
        return []
    found = await items.lock(unit.conn, merchant_id, concerned)
    records = await products.lock_linked(unit.conn, merchant_id, list(found))
    master, shown = await master_of(unit.conn, merchant_id), await _shown(unit.conn, merchant_id, records, found)
    owners = await _owners(unit.conn, merchant_id, shown)
    merged: list[Merged] = []
    for record, fields in shown:
        if each := merge(record, fields, master, owners):
            merged.append(each)
            owners[each.record.product.sku] = record.product.product_id
    if merged:
        await masters.save_merged(unit.conn, merchant_id, [each.record for each in merged], unit.now)
        await _link_again(unit, merchant_id, [each.record for each in merged if _has_new_sku(each)])
        unit.emit(*(event for each in merged for event in _events(merchant_id, each, cause)))
    return [each.record.product.product_id for each in merged]


async def take_group_name(unit: Unit, merchant_id: str, group: ItemGroup, shown_name: str) -> bool:
    """Give the parent the name that its item group got in Clover, which changes all its variants.

    A caller that states the name of before again states nothing new. Return False if it was renamed here meanwhile.
    """
    if not await item_groups.take_name(unit.conn, merchant_id, group, shown_name):
        return False
    edit = Edit("variant.name", group.name, shown_name, is_conflict=False)
    records = await products.of_parent(unit.conn, merchant_id, group.parent_id)
    superseded = {each.product.product_id: superseded_by_name(each, group.name) for each in records}
    await masters.save_superseded(unit.conn, merchant_id, superseded)
    for record in records:
        unit.emit(*_events(merchant_id, Merged(record, taken=(edit,)), "edited_in_clover"))
    return True


async def compare(batch: Batch, records: Sequence[ProductRecord], found: Mapping[str, Item]) -> list[Step]:
    """Return the steps that bring these items, which were found in Clover, to what their products want.

    The products are read after their items, so that an edit that is noted in between is in both or in the product
    alone: what was edited in Clover is never written over for want of a newer item.
    """
    if not records:
        return []
    ids = [each.product.product_id for each in records]
    async with batch.database.connection() as conn:
        known = await products.find_all(conn, batch.merchant_id, ids)
        shown = await _shown(conn, batch.merchant_id, known, found)
        master = await master_of(conn, batch.merchant_id)
    late = [each.item_id for each, fields in shown if each.item_id and not _is_settled(each, fields, master)]
    if late:
        async with batch.unit() as unit:
            await absorb(unit, batch.merchant_id, late)
        async with batch.database.connection() as conn:
            found = {**found, **await items.find(conn, batch.merchant_id, late)}
            known = await products.find_all(conn, batch.merchant_id, ids)
    async with batch.database.connection() as conn:
        shown = await _shown(conn, batch.merchant_id, known, found)
        owners = await _owners(conn, batch.merchant_id, shown) if master is Master.CLOVER else {}
        named = await labels.of_products(conn, batch.merchant_id, known)
    return [
        matching.compare(each, found[each.item_id], named, master, owners)
        for each, _ in shown
        if each.item_id and not each.removal
    ]


def _is_settled(record: ProductRecord, found: ItemFields, master: Master) -> bool:
    return is_accounted(record, found) or (master is Master.QUICKSYNC and record.was_overruled(record.adopt(found)))


async def _shown(
    conn: Connection, merchant_id: str, records: Sequence[ProductRecord], found: Mapping[str, Item]
) -> list[tuple[ProductRecord, ItemFields]]:
    """Return those of these products whose items were found, each with what its item has."""
    named = await labels.of_products(conn, merchant_id, records)
    return [
        (each, named.certain(found[each.item_id], each.wanted))
        for each in records
        if each.item_id and each.item_id in found
    ]


async def report_created(unit: Unit, merchant_id: str, created: Sequence[Item]) -> None:
    """Emit the items that were created in Clover, its master, and that no product matches.

    Until all items were read since the connection, an item that is new here is not new in Clover.
    """
    if not created or (await items.mirror_state(unit.conn, merchant_id)).completed_at is None:
        return
    if await master_of(unit.conn, merchant_id) is not Master.CLOVER:
        return
    matched = await links.matched(unit.conn, merchant_id, created)
    unit.emit(*(_created(merchant_id, each) for each in created if each.id not in matched))


async def report_deleted(unit: Unit, merchant_id: str, item_ids: Collection[str]) -> None:
    """Emit the items that were deleted in Clover, of those without a product only where Clover is the master."""
    if not item_ids:
        return
    owners = await links.owners(unit.conn, merchant_id, item_ids)
    if len(owners) < len(item_ids) and await master_of(unit.conn, merchant_id) is not Master.CLOVER:
        item_ids = list(owners)
    for name in await items.names(unit.conn, merchant_id, item_ids):
        product_id = owners.get(name.item_id)
        unit.emit(
            ItemDeleted(
                merchant_id=merchant_id, item_id=name.item_id, name=name.name, sku=name.sku, product_id=product_id
            )
        )


async def _unaccounted(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> list[str]:
    """Return those of these items whose products do not agree with them yet."""
    records = await products.find_linked(conn, merchant_id, list(item_ids))
    found = await items.find(conn, merchant_id, [each.item_id or "" for each in records]) if records else {}
    shown = await _shown(conn, merchant_id, records, found)
    return [each.item_id or "" for each, fields in shown if not is_accounted(each, fields)]


async def _owners(
    conn: Connection, merchant_id: str, shown: Sequence[tuple[ProductRecord, ItemFields]]
) -> dict[str, str]:
    edits = [edited(each, fields) for each, fields in shown]
    skus = [each["sku"] for each in edits if "sku" in each]
    return await changes.sku_owners(conn, merchant_id, skus) if skus else {}


def _has_new_sku(merged: Merged) -> bool:
    return any(each.field == "sku" for each in merged.taken)


async def _link_again(unit: Unit, merchant_id: str, records: Sequence[ProductRecord]) -> None:
    """Publish the links under the SKUs that the products have now."""
    new = [NewLink(each.product.product_id, each.item_id, each.product.sku) for each in records if each.item_id]
    if new:
        await link_items(unit, merchant_id, new)


def _events(merchant_id: str, merged: Merged, cause: Cause) -> list[ProductChanged | EditReverted]:
    product = merged.record.product
    subject = {
        "merchant_id": merchant_id,
        "product_id": product.product_id,
        "item_id": merged.record.item_id,
        "sku": product.sku,
        "name": product.name,
        "currency": product.currency,
    }
    events: list[ProductChanged | EditReverted] = []
    if merged.taken:
        events.append(ProductChanged.model_validate(subject | {"changes": _changes(merged.taken), "cause": cause}))
    if merged.reverted:
        events.append(EditReverted.model_validate(subject | {"changes": _changes(merged.reverted)}))
    return events


def _changes(edits: Sequence[Edit]) -> tuple[FieldEdit, ...]:
    return tuple(
        FieldEdit(field=each.field, before=_value(each.before), after=_value(each.after), is_conflict=each.is_conflict)
        for each in edits
    )


def _value(value: Any) -> FieldValue:
    """Return the value of a field as events have it: a variant by its options."""
    if isinstance(value, Mapping):
        return tuple(f"{name}: {option}" for name, option in value["options"].items())
    return cast(FieldValue, value)


def _created(merchant_id: str, item: Item) -> ItemCreated:
    fields = item.fields
    return ItemCreated(
        merchant_id=merchant_id,
        item_id=item.id,
        name=fields.name,
        sku=fields.sku,
        barcode=fields.code or "",
        price=fields.price,
        cost=fields.cost,
        status="inactive" if fields.hidden else "active",
    )
