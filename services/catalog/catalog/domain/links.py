"""Links: what becomes of other items' links when an item is linked to a product."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.catalog_client import ItemLink


@dataclass(frozen=True)
class HeldLink:
    """The link of an item. `has_product` tells whether its product is still the one of this item."""

    link: ItemLink
    has_product: bool


def relink(others: Sequence[HeldLink], product_id: str, item_id: str, sku: str, last_version: int) -> list[ItemLink]:
    """Return the links to write when this item is linked: the unlinked ones first, then its own, in growing versions.

    `others` are linked items with the same product or the same SKU. The new item takes over from them, stock included.
    An item that still has its own product only gives up the SKU, until the product's own SKU is written.
    """
    unlinked = [
        each.link.model_copy(
            update={"linked": False, "version": version, "replaced_by": None if each.has_product else item_id}
        )
        for version, each in enumerate(others, start=last_version + 1)
    ]
    version = last_version + len(others) + 1
    return [*unlinked, ItemLink(item_id=item_id, sku=sku, product_id=product_id, version=version, linked=True)]
