"""How a product looks in Clover, and how far it is on its way there."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum

from common.contracts.problems import Code
from common.money import Money


class Status(StrEnum):
    """Of a product in QuickSync. Only active products are seen at the till."""

    ACTIVE = "active"
    DRAFT = "draft"
    INACTIVE = "inactive"
    ARCHIVED = "archived"


@dataclass(frozen=True)
class Product:
    """A product as QuickSync has it."""

    product_id: str
    name: str
    sku: str
    price: Money
    status: Status
    barcode: str | None = None


@dataclass(frozen=True)
class ItemFields:
    """The fields of a Clover item that are ours to write; `code` is the barcode, empty when there is none."""

    name: str
    sku: str
    price: int
    hidden: bool
    code: str = ""

    def to_create(self) -> dict[str, object]:
        return {name: value for name, value in asdict(self).items() if value != ""}

    def changes_from(self, known: "ItemFields | None") -> dict[str, object]:
        """The fields Clover does not have like this yet."""
        before = asdict(known) if known else {}
        return {name: value for name, value in asdict(self).items() if name not in before or before[name] != value}


def item_fields(product: Product) -> ItemFields:
    """How the product is to look in Clover: hidden unless it is active."""
    return ItemFields(
        name=product.name,
        sku=product.sku,
        price=product.price.amount,
        hidden=product.status is not Status.ACTIVE,
        code=product.barcode or "",
    )


@dataclass(frozen=True)
class Held:
    """Why a product waits for a person: the problem, and what Clover said."""

    problem: Code
    reason: str


class Sync(StrEnum):
    """How far a product is on its way to Clover."""

    SYNCED = "synced"
    PENDING = "pending"
    HELD = "held"


@dataclass(frozen=True)
class Entry:
    """A product, the Clover item it is linked to, and that item's fields as Clover last had them from us.

    `creating_since`: an item with `creating_sku` may have been created then, without our having seen the answer.
    """

    product: Product
    updated_at: datetime
    item_id: str | None = None
    sent: ItemFields | None = None
    creating_since: datetime | None = None
    creating_sku: str | None = None
    held: Held | None = None

    @property
    def wanted(self) -> ItemFields:
        return item_fields(self.product)

    def taken_over(self, found: ItemFields) -> ItemFields:
        """What counts as sent of an item that was there before us: a barcode nobody gave us is not ours to change."""
        return found if self.product.barcode else replace(found, code="")

    @property
    def is_due(self) -> bool:
        return self.item_id is None or self.wanted != self.sent

    @property
    def sync(self) -> Sync:
        if not self.is_due:
            return Sync.SYNCED
        return Sync.HELD if self.held else Sync.PENDING
