"""Products: how each looks in Clover, and the state of its sync."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from catalog.domain.items import ItemFields
from common.contracts.problems import Code


class Status(StrEnum):
    """The status of a product in QuickSync. Only active products are visible at the till."""

    ACTIVE = "active"
    DRAFT = "draft"
    INACTIVE = "inactive"
    ARCHIVED = "archived"


@dataclass(frozen=True)
class Product:
    """A product as QuickSync wants it. `price` is in minor units of `currency`."""

    product_id: str
    name: str
    sku: str
    price: int
    currency: str
    status: Status
    barcode: str | None = None


def item_fields(product: Product) -> ItemFields:
    """Return the fields the product's item has in Clover. The item is hidden unless the product is active."""
    return ItemFields(
        name=product.name,
        sku=product.sku,
        price=product.price,
        hidden=product.status is not Status.ACTIVE,
        code=product.barcode or "",
    )


@dataclass(frozen=True)
class Held:
    """The problem that a held product waits for, and the reason in words for the merchant."""

    problem: Code
    reason: str


class SyncState(StrEnum):
    """The state of a product's sync with Clover."""

    SYNCED = "synced"
    PENDING = "pending"
    HELD = "held"


@dataclass(frozen=True)
class ProductRecord:
    """A product with its linked item and the item fields that were last pushed to Clover.

    While `creating_since` is set, a create of an item with `creating_sku` has no answer: the item may exist.
    """

    product: Product
    updated_at: datetime
    item_id: str | None = None
    last_pushed: ItemFields | None = None
    creating_since: datetime | None = None
    creating_sku: str | None = None
    held: Held | None = None

    @property
    def wanted(self) -> ItemFields:
        """The fields the item is to have."""
        return item_fields(self.product)

    def adopt(self, found: ItemFields) -> ItemFields:
        """Return the fields that count as pushed when an existing item is linked.

        Without a barcode of the product, the item's own barcode is not ours to change: it counts as never pushed.
        """
        return found if self.product.barcode else replace(found, code="")

    @property
    def is_due(self) -> bool:
        """Whether something is left to push."""
        return self.item_id is None or self.wanted != self.last_pushed

    @property
    def sync(self) -> SyncState:
        """The state shown to callers."""
        if not self.is_due:
            return SyncState.SYNCED
        return SyncState.HELD if self.held else SyncState.PENDING
