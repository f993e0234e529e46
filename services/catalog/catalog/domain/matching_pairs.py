"""Pairs products with Clover's items as sets: by SKU, then by barcode. The order of neither set matters.

A level that finds several partners decides nothing for them: a person does. Their products take no part in the levels
after it, which are less certain, and their items are linked to no other product by themselves.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, TypeVar

from catalog.domain.items import Item
from catalog.domain.matching_keys import code_keys, is_ambiguous, sku_key

T = TypeVar("T")

MOST_SHOWN = 20
"""Items and products that a conflict lists; thousands may share a code such as `1`."""


class ConflictKind(StrEnum):
    """Why a person must decide which item a product is linked to."""

    SEVERAL_ITEMS = "several_items"
    """Several items have the SKU or the barcode of the product."""

    SEVERAL_PRODUCTS = "several_products"
    """Several products have the SKU or the barcode of the item."""

    ITEM_OF_OTHER_PRODUCT = "item_of_other_product"
    """The item with the SKU of the product is linked to another product."""

    AMBIGUOUS_BARCODE = "ambiguous_barcode"
    """The barcodes match, but eight digits may be read as a GTIN-8 or as a UPC-E, which is another article."""

    OTHER_STRUCTURE = "other_structure"
    """One of the two is a variant of a group and the other is not."""


@dataclass(frozen=True)
class Conflict:
    """A product with the items that it may be linked to, and the other products that may be linked to these items.

    `proposal` is the item to link, None to create one. `by_barcode` tells whether the SKU or the barcode is shared.
    """

    kind: ConflictKind
    item_ids: tuple[str, ...]
    proposal: str | None = None
    product_ids: tuple[str, ...] = ()
    by_barcode: bool = False


@dataclass(frozen=True)
class Seeker:
    """A product that looks for its item."""

    product_id: str
    sku: str
    barcode: str = ""
    name: str = ""
    is_variant: bool | None = False
    """None for a product whose item was created for it, of either structure."""


Found: TypeAlias = Item | Conflict


def pair(seekers: Iterable[Seeker], items: Iterable[Item], owners: Mapping[str, str]) -> dict[str, Found]:
    """Return the item or the conflict of each product that has one, by product id.

    `owners` are the products of items that are linked already. Such an item takes part only under its very SKU.
    """
    wanting = {each.product_id: each for each in seekers}
    every = {each.id: each for each in items}
    free = {item_id: item for item_id, item in every.items() if item_id not in owners}
    found: dict[str, Found] = {}
    contested: set[str] = set()

    def settle(groups: Iterable[Group], *, by_barcode: bool = False) -> None:
        for group in groups:
            settled = _settled(group, owners, contested, by_barcode=by_barcode)
            found.update(settled)
            for product_id, each in settled.items():
                wanting.pop(product_id)
                if isinstance(each, Item):
                    free.pop(each.id)
            if not any(isinstance(each, Item) for each in settled.values()):
                contested.update(item.id for item in group.items)

    settle(_groups(wanting.values(), every.values(), lambda seeker: seeker.sku, lambda item: item.fields.sku))
    settle(_groups(wanting.values(), free.values(), lambda s: sku_key(s.sku), lambda item: sku_key(item.fields.sku)))
    codes = _groups(wanting.values(), free.values(), lambda s: _certain(s.barcode), lambda i: _certain(i.fields.code))
    settle(codes, by_barcode=True)
    return found | _ambiguous(wanting.values(), free.values())


@dataclass(frozen=True)
class Group:
    """Products and items with one key."""

    seekers: Sequence[Seeker]
    items: Sequence[Item]


def _groups(
    seekers: Iterable[Seeker],
    items: Iterable[Item],
    key_of_seeker: Callable[[Seeker], str],
    key_of_item: Callable[[Item], str],
) -> list[Group]:
    """Group products and items by their keys; without a key, or without a partner, there is no group."""
    by_key = _by_key(items, key_of_item)
    wanting = _by_key(seekers, key_of_seeker)
    return [Group(wanting[key], by_key[key]) for key in wanting.keys() & by_key.keys()]


def _by_key(things: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = defaultdict(list)
    for each in things:
        if name := key(each):
            groups[name].append(each)
    return groups


def _settled(
    group: Group, owners: Mapping[str, str], contested: Collection[str], *, by_barcode: bool
) -> dict[str, Found]:
    """Link the only product to the only item; several on either side are a conflict."""
    if len(group.seekers) > 1 or any(item.id in contested for item in group.items):
        return _conflicts(ConflictKind.SEVERAL_PRODUCTS, group, owners, by_barcode=by_barcode)
    if len(group.items) > 1:
        return _conflicts(ConflictKind.SEVERAL_ITEMS, group, owners, by_barcode=by_barcode)
    [seeker], [item] = group.seekers, group.items
    if owner := owners.get(item.id):
        return {seeker.product_id: Conflict(ConflictKind.ITEM_OF_OTHER_PRODUCT, (item.id,), None, (owner,), by_barcode)}
    if seeker.is_variant not in {None, _is_variant(item)}:
        return {seeker.product_id: Conflict(ConflictKind.OTHER_STRUCTURE, (item.id,), item.id, (), by_barcode)}
    return {seeker.product_id: item}


def _ambiguous(seekers: Iterable[Seeker], items: Iterable[Item]) -> dict[str, Found]:
    """Propose the items that match in one of the readings of a barcode of eight digits, on either side."""
    by_key: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        for key in code_keys(item.fields.code):
            by_key[key].append(item)
    found: dict[str, Found] = {}
    for seeker in seekers:
        candidates = {item.id: item for key in code_keys(seeker.barcode) for item in by_key.get(key, ())}
        if candidates:
            group = Group([seeker], list(candidates.values()))
            found |= _conflicts(ConflictKind.AMBIGUOUS_BARCODE, group, {}, by_barcode=True)
    return found


def _conflicts(kind: ConflictKind, group: Group, owners: Mapping[str, str], *, by_barcode: bool) -> dict[str, Found]:
    """Return the conflict of each product. Each free item is proposed once, to the product that is most like it."""
    item_ids = tuple(sorted(item.id for item in group.items)[:MOST_SHOWN])
    product_ids = sorted(seeker.product_id for seeker in group.seekers)[: MOST_SHOWN + 1]
    proposals = _proposals(group.seekers, [item for item in group.items if item.id not in owners])
    return {
        own: Conflict(
            kind,
            item_ids,
            proposals.get(own),
            tuple(each for each in product_ids if each != own)[:MOST_SHOWN],
            by_barcode,
        )
        for own in (seeker.product_id for seeker in group.seekers)
    }


def _proposals(seekers: Sequence[Seeker], items: Sequence[Item]) -> dict[str, str]:
    if max(len(seekers), len(items)) > MOST_SHOWN:
        return {}
    pairs = sorted(
        ((seeker, item) for seeker in seekers for item in items),
        key=lambda two: (_unlikeness(*two), two[0].product_id, two[1].id),
    )
    proposals: dict[str, str] = {}
    for seeker, item in pairs:
        if seeker.product_id not in proposals and item.id not in proposals.values():
            proposals[seeker.product_id] = item.id
    return proposals


def _unlikeness(seeker: Seeker, item: Item) -> tuple[object, ...]:
    """Sort the most similar item first and, among equals, a visible one that was modified last."""
    return (
        seeker.sku != item.fields.sku,
        sku_key(seeker.sku) != sku_key(item.fields.sku),
        not set(code_keys(seeker.barcode)) & set(code_keys(item.fields.code)),
        sku_key(seeker.name) != sku_key(item.fields.name or ""),
        seeker.is_variant != _is_variant(item),
        item.fields.hidden,
        -item.modified_at,
    )


def _is_variant(item: Item) -> bool:
    return item.details.group_id is not None


def _certain(code: str | None) -> str:
    """Return the key of a barcode that has a single meaning, empty otherwise."""
    return "" if is_ambiguous(code) else "".join(code_keys(code))
