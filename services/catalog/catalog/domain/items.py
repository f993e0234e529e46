"""Items as Clover has them, and the fields of an item that QuickSync writes."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

FIXED_PRICE: Final = "FIXED"
PRICE_PER_UNIT: Final = "PER_UNIT"


@dataclass(frozen=True)
class ItemFields:
    """The fields of a Clover item that QuickSync can write. None stands for a field that is not stated.

    Of an item in Clover all are stated but a cost that it lacks; of a product, those that it owns. Money is in minor
    units; `code` is the barcode. A text may be empty.
    """

    name: str
    sku: str
    price: int
    hidden: bool
    code: str | None = None
    alternate_name: str | None = None
    cost: int | None = None
    price_type: str | None = None
    unit_name: str | None = None
    age_restricted: bool | None = None

    def stated(self) -> dict[str, object]:
        """Return the stated fields by their names."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def to_create(self) -> dict[str, object]:
        """Return the fields of a new item: those that are stated and not empty."""
        return {name: value for name, value in self.stated().items() if value != ""}

    def changes_from(self, known: "ItemFields | None") -> dict[str, object]:
        """Return the stated fields that differ from `known`; all of them when nothing is known."""
        return {name: value for name, value in self.stated().items() if known is None or getattr(known, name) != value}

    def only(self, stated: "ItemFields") -> "ItemFields":
        """Return these fields without those that `stated` does not state."""
        unstated: dict[str, Any] = dict.fromkeys(name for name, value in asdict(stated).items() if value is None)
        return replace(self, **unstated)

    def without(self, former: "ItemFields") -> "ItemFields":
        """Return these fields with an empty value for each that `former` set and that is not stated any more.

        A cost stays, because no documented call removes one.
        """
        empty: dict[str, Any] = {
            name: value
            for name, value in EMPTY.items()
            if getattr(self, name) is None and getattr(former, name) not in {None, value}
        }
        return replace(self, **empty)


EMPTY: Final[dict[str, object]] = {
    "code": "",
    "alternate_name": "",
    "price_type": FIXED_PRICE,
    "unit_name": "",
    "age_restricted": False,
}
"""The values of an item for which nobody stated these fields."""


@dataclass(frozen=True)
class ItemDetails:
    """What Clover shows of an item beside its fields.

    `group_id` is the item group of a variant. Categories, tags and tax rates are None while no answer showed them: the
    answers to writes do not.
    """

    group_id: str | None = None
    category_ids: tuple[str, ...] | None = None
    tag_ids: tuple[str, ...] | None = None
    tax_rate_ids: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Item:
    """An item in Clover. `modified_at` is Clover's modifiedTime in milliseconds, which counts whole seconds."""

    id: str
    fields: ItemFields
    details: ItemDetails = ItemDetails()
    modified_at: int = 0
