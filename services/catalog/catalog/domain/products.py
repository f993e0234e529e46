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
    """A product with its linked item: the fields as Clover last had them, and as they were `seen` when last read.

    While `creating_since` is set, a create of an item with `creating_sku` has no answer: the item may exist. `puts`
    counts the requests for this version, and `puts_checked` is the last of them that was compared with Clover.
    `deleted_item_id` was the linked item until Clover no longer had it.
    """

    product: Product
    updated_at: datetime
    item_id: str | None = None
    last_pushed: ItemFields | None = None
    creating_since: datetime | None = None
    creating_sku: str | None = None
    held: Held | None = None
    deleted_item_id: str | None = None
    seen: ItemFields | None = None
    puts: int = 0
    puts_checked: int = 0

    @property
    def wanted(self) -> ItemFields:
        """The fields the item is to have."""
        return item_fields(self.product)

    def adopt(self, found: ItemFields) -> ItemFields:
        """Return the fields that count as pushed when an existing item is linked.

        Without a barcode of the product, the item's own barcode is not ours to change: it counts as never pushed. A
        name that differs in spaces only counts as the product's, because Clover may trim it (a guess).
        """
        if found.name.split() == self.product.name.split():
            found = replace(found, name=self.product.name)
        ours = self.product.barcode or (self.last_pushed and self.last_pushed.code)
        return found if ours else replace(found, code="")

    @property
    def is_due(self) -> bool:
        """Whether Clover is not known to have this version. An archived product needs no item once it was deleted."""
        if self.item_id is None:
            return self.deleted_item_id is None or self.product.status is not Status.ARCHIVED
        return self.puts_checked < self.puts or self.wanted != self.last_pushed

    def differs_from(self, found: ItemFields) -> bool:
        """Whether these fields of its item in Clover differ from what the product wants."""
        return self.adopt(found) != self.wanted

    def was_overruled(self, found: ItemFields) -> bool:
        """Whether Clover shows the same as before the last write: it does not keep what was written."""
        is_written = self.puts_checked == self.puts and self.last_pushed == self.wanted
        return is_written and found != self.wanted and found == self.seen

    @property
    def sync(self) -> SyncState:
        """The state shown to callers."""
        if self.held:
            return SyncState.HELD
        return SyncState.PENDING if self.is_due else SyncState.SYNCED
