"""Decides about the links of other items when items are linked to products."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from common.catalog_client import ItemLink


@dataclass(frozen=True)
class HeldLink:
    """The link of an item. `has_product` tells whether its product is still the one of this item."""

    link: ItemLink
    has_product: bool


@dataclass(frozen=True)
class NewLink:
    """An item that is to be linked to a product under its SKU."""

    product_id: str
    item_id: str
    sku: str


def relink(held: Iterable[HeldLink], new: Sequence[NewLink], last_version: int) -> list[ItemLink]:
    """Return the links to write when these items are linked one after another, in growing versions.

    `held` are the linked items with the same products or the same SKUs, and those that a person took from the products.
    A new item takes over from them, stock included: they are unlinked first. An item that still has its own product
    only gives up the SKU, until the product's own SKU is written.
    """
    linked = _Linked(held)
    written: list[ItemLink] = []
    for each in new:
        for other in linked.others(each):
            version, heir = last_version + len(written) + 1, None if other.has_product else each.item_id
            written.append(other.link.model_copy(update={"linked": False, "version": version, "replaced_by": heir}))
            linked.remove(other)
        version = last_version + len(written) + 1
        written.append(
            ItemLink(item_id=each.item_id, sku=each.sku, product_id=each.product_id, version=version, linked=True)
        )
        linked.add(HeldLink(written[-1], has_product=True))
    return written


class _Linked:
    """The linked items, found by their product or their SKU."""

    def __init__(self, held: Iterable[HeldLink]) -> None:
        self._by_item: dict[str, HeldLink] = {}
        self._items: dict[tuple[str, str], set[str]] = defaultdict(set)
        for each in held:
            self.add(each)

    def add(self, held: HeldLink) -> None:
        if former := self._by_item.get(held.link.item_id):
            self.remove(former)
        self._by_item[held.link.item_id] = held
        for key in _keys(held.link.product_id, held.link.sku):
            self._items[key].add(held.link.item_id)

    def remove(self, held: HeldLink) -> None:
        del self._by_item[held.link.item_id]
        for key in _keys(held.link.product_id, held.link.sku):
            self._items[key].discard(held.link.item_id)

    def others(self, new: NewLink) -> list[HeldLink]:
        """Return the other items with the product or the SKU; those with the SKU come last, by age."""
        of_product, of_sku = (self._items[key] for key in _keys(new.product_id, new.sku))
        found = [self._by_item[item_id] for item_id in (of_product | of_sku) - {new.item_id}]
        return sorted(found, key=lambda each: (each.link.sku == new.sku, each.link.version))


def _keys(product_id: str, sku: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("product", product_id), ("sku", sku)
