"""Matches products with Clover's items and plans the writes that bring Clover up to date."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias

from catalog.domain.choices import Master
from catalog.domain.items import NO_DETAILS, Item, ItemDetails, ItemFields
from catalog.domain.labels import LabelKind, Labels, Lack, Wanted, lacking
from catalog.domain.labels import reason as label_reason
from catalog.domain.masters import agreed_at_link, edited, refused
from catalog.domain.matching_keys import code_keys, sku_key
from catalog.domain.matching_pairs import Conflict, ConflictKind, Found, Seeker, pair
from catalog.domain.products import Matching, ProductRecord
from common import messages

NO_LABELS = Labels()
NOBODY: Mapping[str, str] = MappingProxyType({})

LOOK_AGAIN = timedelta(seconds=5)
"""The pause between two look-ups of an item whose create has no answer."""


@dataclass(frozen=True)
class CreateItem:
    """Create an item: Clover has none for the product, and no earlier create can still take effect."""

    record: ProductRecord


@dataclass(frozen=True)
class AdoptItem:
    """Link an existing item with these `shown` fields, then write those that differ from `known`, the agreed ones."""

    record: ProductRecord
    item_id: str
    known: ItemFields
    shown: ItemFields
    details: ItemDetails = NO_DETAILS


@dataclass(frozen=True)
class UpdateItem:
    """Write the fields of the linked item that differ from `known`."""

    record: ProductRecord
    item_id: str
    known: ItemFields
    details: ItemDetails = NO_DETAILS


@dataclass(frozen=True)
class HoldProduct:
    """Hold the product until a person decides. `conflict` has the items to decide between, if there are any."""

    record: ProductRecord
    reason: str
    conflict: Conflict | None = None


@dataclass(frozen=True)
class LookAgain:
    """Look for the item again later: an earlier create may still take effect."""

    record: ProductRecord
    after: timedelta


Write: TypeAlias = CreateItem | AdoptItem | UpdateItem
Step: TypeAlias = Write | HoldProduct | LookAgain


@dataclass(frozen=True)
class UnreadableKeys:
    """The ids of the items that cannot be read, and the keys of their SKUs and barcodes."""

    item_ids: frozenset[str] = frozenset()
    skus: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()

    def may_be(self, record: ProductRecord) -> bool:
        """Return whether one of these items is or may be that of this product: then none must be created.

        A person may have decided that no item is the product's; it is still that of its own create without an answer.
        """
        if not self.item_ids:
            return False
        if record.item_id in self.item_ids:
            return True
        if record.matching is Matching.CREATE and not record.creating_sku:
            return False
        codes = code_keys(record.product.barcode or "")
        return bool(self.skus & set(map(sku_key, skus_to_find(record))) or self.codes & set(codes))


def skus_to_find(record: ProductRecord) -> set[str]:
    """Return the SKUs whose items decide the step of this product without an item.

    An item from a create without an answer carries the SKU it was created with, even if the product's SKU changed.
    """
    return {record.product.sku, record.creating_sku or record.product.sku}


def plan(
    records: Iterable[ProductRecord],
    items: Iterable[Item],
    owners: Mapping[str, str],
    now: datetime,
    create_settle: timedelta,
    rivals: Iterable[Seeker] = (),
    labels: Labels = NO_LABELS,
    master: Master = Master.QUICKSYNC,
) -> list[Step]:
    """Return one step for each product without an item, in their order.

    `items` are all of Clover's items that share a key with one of the products (`matching_keys`), or the SKU of a
    create without an answer. `owners` names the product that an item is linked to already, by item id. `rivals` are
    the other products without an item that share a key with them, so that one batch does not take another's item.
    A create without an answer can take effect until `create_settle` has passed. Where Clover is the `master`, an item
    that is linked keeps its values.
    """
    records, items = list(records), list(items)
    settled = now - create_settle
    created = _created(records, items, owners)
    decided = {
        each.product.product_id
        for each in records
        if each.product.product_id in created
        or (each.creating_since and each.creating_since > settled)
        or each.matching is Matching.CREATE
    }
    claimed = {item.id: product_id for product_id, found in created.items() if isinstance(item := found, Item)}
    seekers = [seeker(each) for each in records if each.product.product_id not in decided]
    found = created | pair([*seekers, *rivals], items, {**owners, **claimed})
    return [_step(each, found.get(each.product.product_id), settled, labels, master) for each in records]


def compare(
    record: ProductRecord,
    item: Item,
    labels: Labels = NO_LABELS,
    master: Master = Master.QUICKSYNC,
    owners: Mapping[str, str] = NOBODY,
) -> Step:
    """Return the step that gives the linked item the values of the product.

    `owners` are the products that have the SKUs which were given to items in Clover.
    """
    if record.is_misplaced:
        return misplaced(record)
    wanted, found = record.wanted, labels.shown(item, record.wanted)
    known, texts = record.adopt(found), messages.for_locale()
    is_complete = not any(map(labels.lack, lacking(item, wanted, labels)))
    if master is Master.QUICKSYNC and record.was_overruled(known) and is_complete:
        fields = ", ".join(texts.text(f"field.{name}") for name in wanted.changes_from(known))
        return HoldProduct(record, texts.text("reason.not_kept", fields=fields))
    impossible = refused(record, edited(record, found), owners) if master is Master.CLOVER else set()
    if impossible:
        return HoldProduct(record, _refusal(impossible, found, owners))
    return UpdateItem(record, item.id, known, item.details)


def misplaced(record: ProductRecord) -> HoldProduct:
    """Return the hold of a product whose linked item cannot become a member of its parent's item group."""
    key = "reason.item_of_other_group" if record.item_group_id else "reason.item_without_group"
    return HoldProduct(record, messages.for_locale().text(key))


def members(steps: Iterable[Step]) -> list[tuple[str, str]]:
    """Return the item groups in which the items of variants are, each with the variant's parent."""
    return [
        (step.record.product.variant.group, step.details.group_id)
        for step in steps
        if isinstance(step, AdoptItem | UpdateItem)
        and step.record.product.variant
        and step.details.group_id
        and not step.record.is_outside_group
    ]


def in_group(step: Step, group_ids: Mapping[str, str]) -> Step:
    """Return the step of a variant whose parent has the item group given by parent, if any.

    An item never changes its item group, so a person decides about one that is in another.
    """
    variant = step.record.product.variant
    if variant is None:
        return step
    record = replace(step.record, group_id=group_ids.get(variant.group))
    if isinstance(step, AdoptItem) and step.details.group_id != record.group_id:
        conflict = Conflict(ConflictKind.OTHER_STRUCTURE, (step.item_id,), step.item_id)
        return HoldProduct(record, _reason(record, conflict), conflict)
    is_inside = isinstance(step, UpdateItem) and not record.is_outside_group
    if is_inside and record.item_group_id != record.group_id:
        return misplaced(record)
    return replace(step, record=record)


def _refusal(fields: Collection[str], found: ItemFields, owners: Mapping[str, str]) -> str:
    """Return in words why a product cannot have the values edited in Clover."""
    texts = messages.for_locale()
    if "sku" in fields and found.sku in owners:
        return texts.text("reason.sku_taken_in_clover", sku=found.sku, product=owners[found.sku])
    names = ", ".join(texts.text(f"field.{name}") for name in sorted(fields))
    return texts.text("reason.impossible_in_clover", fields=names)


def lacks(step: Write, labels: Labels) -> dict[Wanted, Lack]:
    """Return the labels that the item is to get and Clover does not have."""
    item = None if isinstance(step, CreateItem) else Item(step.item_id, step.known, step.details)
    return {each: lack for each in lacking(item, step.record.wanted, labels) if (lack := labels.lack(each))}


def hold_for_labels(step: Write, lacked: Mapping[Wanted, Lack]) -> HoldProduct | None:
    """Return the hold of a product that lacks a label which is not created for it.

    A tax rate never is, as its percentage is the merchant's to decide, and a label that a person deleted only once the
    product is saved again.
    """
    for wanted, lack in lacked.items():
        if wanted.kind is LabelKind.TAX_RATE or (lack is Lack.DELETED and not step.record.is_requested):
            return HoldProduct(step.record, label_reason(wanted, lack))
    return None


def conflicts(steps: Iterable[Step]) -> dict[str, Conflict | None]:
    """Return the conflict of each product that was planned, None for one that has none."""
    return {step.record.product.product_id: step.conflict if isinstance(step, HoldProduct) else None for step in steps}


def seeker(record: ProductRecord) -> Seeker:
    """Return the product as it looks for its item."""
    product = record.product
    return Seeker(product.product_id, product.sku, product.barcode or "", product.name, product.variant is not None)


def _created(records: Sequence[ProductRecord], items: Sequence[Item], owners: Mapping[str, str]) -> dict[str, Found]:
    """Return the items of creates whose answer was lost, by product."""
    waiting = [
        Seeker(each.product.product_id, each.creating_sku, is_variant=None) for each in records if each.creating_sku
    ]
    skus = {each.sku for each in waiting}
    return pair(waiting, [item for item in items if item.fields.sku in skus], owners) if waiting else {}


def _step(record: ProductRecord, found: Found | None, settled: datetime, labels: Labels, master: Master) -> Step:
    if isinstance(found, Item):
        fields = labels.shown(found, record.wanted)
        return AdoptItem(record, found.id, agreed_at_link(record, fields, master), record.adopt(fields), found.details)
    if found:
        return HoldProduct(record, _reason(record, found), found)
    if record.creating_since and record.creating_since > settled:
        return LookAgain(record, min(LOOK_AGAIN, record.creating_since - settled))
    if record.deleted_item_id:
        return HoldProduct(record, messages.for_locale().text("reason.product_without_item", sku=record.product.sku))
    return CreateItem(record)


def _reason(record: ProductRecord, conflict: Conflict) -> str:
    """Return in words why a person must decide."""
    texts, sku = messages.for_locale(), record.creating_sku or record.product.sku
    match conflict.kind:
        case ConflictKind.SEVERAL_ITEMS if conflict.by_barcode:
            barcode = record.product.barcode or ""
            return texts.text("reason.items_with_one_barcode", n=len(conflict.item_ids), barcode=barcode)
        case ConflictKind.SEVERAL_ITEMS:
            return texts.text("reason.items_with_one_sku", n=len(conflict.item_ids), sku=sku)
        case ConflictKind.ITEM_OF_OTHER_PRODUCT:
            return texts.text("reason.item_of_other_product", sku=sku, product=conflict.product_ids[0])
        case _:
            return texts.text(f"reason.{conflict.kind}")
