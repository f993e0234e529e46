"""Matches products with Clover's items and plans the writes that bring Clover up to date."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from catalog.domain.items import Item, ItemFields
from catalog.domain.products import ProductRecord
from common import messages

LOOK_AGAIN = timedelta(seconds=5)
"""The pause between two look-ups of an item whose create has no answer."""


@dataclass(frozen=True)
class CreateItem:
    """Create an item: Clover has none for the product, and no earlier create can still take effect."""

    record: ProductRecord


@dataclass(frozen=True)
class AdoptItem:
    """Link an existing item, then write what differs from `known`, the fields that count as pushed."""

    record: ProductRecord
    item_id: str
    known: ItemFields


@dataclass(frozen=True)
class UpdateItem:
    """Write the fields of the linked item that differ from `known`."""

    record: ProductRecord
    item_id: str
    known: ItemFields


@dataclass(frozen=True)
class HoldProduct:
    """Hold the product until a person decides."""

    record: ProductRecord
    reason: str


@dataclass(frozen=True)
class LookAgain:
    """Look for the item again later: an earlier create may still take effect."""

    record: ProductRecord
    after: timedelta


Step: TypeAlias = CreateItem | AdoptItem | UpdateItem | HoldProduct | LookAgain


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
) -> list[Step]:
    """Return one step for each product without an item.

    `items` are all of Clover's items with the SKUs of `skus_to_find`; `owners` names the product that an item is
    linked to already, by item id. A create without an answer can take effect until `create_settle` has passed.
    """
    by_sku: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_sku[item.fields.sku].append(item)
    return [_step(record, by_sku, owners, now - create_settle) for record in records]


def compare(record: ProductRecord, item: Item) -> Step:
    """Return the step that brings the linked item to what the product wants."""
    known, wanted = record.adopt(item.fields), record.wanted
    if record.was_overruled(known):
        texts = messages.for_locale()
        fields = ", ".join(texts.text(f"field.{name}") for name in wanted.changes_from(known))
        return HoldProduct(record, texts.text("reason.not_kept", fields=fields))
    return UpdateItem(record, item.id, known)


def _step(
    record: ProductRecord, by_sku: Mapping[str, Sequence[Item]], owners: Mapping[str, str], settled: datetime
) -> Step:
    if record.creating_sku and (created := by_sku.get(record.creating_sku)):
        return _match(record, record.creating_sku, created, owners)
    if record.creating_since and record.creating_since > settled:
        return LookAgain(record, min(LOOK_AGAIN, record.creating_since - settled))
    if found := by_sku.get(record.product.sku):
        return _match(record, record.product.sku, found, owners)
    if record.deleted_item_id:
        return HoldProduct(record, messages.for_locale().text("reason.product_without_item", sku=record.product.sku))
    return CreateItem(record)


def _match(record: ProductRecord, sku: str, found: Sequence[Item], owners: Mapping[str, str]) -> Step:
    texts = messages.for_locale()
    if len(found) > 1:
        return HoldProduct(record, texts.text("reason.items_with_one_sku", n=len(found), sku=sku))
    [item] = found
    if owner := owners.get(item.id):
        return HoldProduct(record, texts.text("reason.item_of_other_product", sku=sku, product=owner))
    return AdoptItem(record, item.id, record.adopt(item.fields))
