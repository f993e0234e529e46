"""Items as Clover has them, and the fields of an item that QuickSync writes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

FIXED_PRICE: Final = "FIXED"
PRICE_PER_UNIT: Final = "PER_UNIT"

LABELS: Final = ("categories", "tags", "tax_rates")
"""The fields that are associations of an item: each is a set of names, sorted, and is written by calls of its own."""

OPTIONS: Final = "options"
"""The field that is the options of a member of an item group, which calls of their own write as well."""


@dataclass(frozen=True)
class ItemFields:
    """The fields of a Clover item that QuickSync can write. None stands for a field that is not stated.

    Of an item in Clover all are stated but a cost that it lacks; of a product, those that it owns. Money is in minor
    units; `code` is the barcode. A text may be empty. Without `default_tax_rates` an item has its own `tax_rates`.
    Clover names the members of an item group itself, by the group and their `options`: values by the names of options.
    """

    name: str | None
    sku: str
    price: int
    hidden: bool
    code: str | None = None
    alternate_name: str | None = None
    cost: int | None = None
    price_type: str | None = None
    unit_name: str | None = None
    age_restricted: bool | None = None
    default_tax_rates: bool | None = None
    categories: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    tax_rates: tuple[str, ...] | None = None
    options: Mapping[str, str] | None = None

    @property
    def states_labels(self) -> bool:
        """Whether categories, tags or tax rates are stated."""
        return any(getattr(self, name) is not None for name in LABELS)

    def stated(self) -> dict[str, object]:
        """Return the stated fields by their names."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def to_create(self) -> dict[str, object]:
        """Return the fields of the call that creates the item: those that are stated and not empty."""
        return {name: value for name, value in own(self.stated()).items() if value != ""}

    def changes_from(self, known: "ItemFields | None") -> dict[str, object]:
        """Return the stated fields that differ from `known`; all of them when nothing is known."""
        return {name: value for name, value in self.stated().items() if known is None or getattr(known, name) != value}

    def with_labels_of(self, known: "ItemFields | None") -> "ItemFields":
        """Return these fields with the stated labels as `known` has them, as none are written by the item's own call.

        An item that was just created has none.
        """
        labels: dict[str, Any] = {
            name: getattr(known, name) if known else () for name in LABELS if getattr(self, name) is not None
        }
        return replace(self, **labels)

    def with_options_of(self, known: "ItemFields | None") -> "ItemFields":
        """Return these fields with the options that are known, if they are stated: the item's own call writes none."""
        return self if self.options is None else replace(self, options=known.options if known else {})

    def only(self, stated: "ItemFields") -> "ItemFields":
        """Return these fields without those that `stated` does not state."""
        unstated: dict[str, Any] = dict.fromkeys(name for name, value in vars(stated).items() if value is None)
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
    "default_tax_rates": True,
    "categories": (),
    "tags": (),
    "tax_rates": (),
}
"""The values of an item for which nobody stated these fields."""


def from_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of fields as they were before they were stored as JSON, which has lists for tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def own(changes: Mapping[str, object]) -> dict[str, object]:
    """Return those of these fields that the item's own call writes."""
    return {name: value for name, value in changes.items() if name not in {*LABELS, OPTIONS}}


@dataclass(frozen=True)
class ItemDetails:
    """The details of an item in Clover beside its fields.

    `group_id` is the item group of a variant. Categories, tags and tax rates are None while no answer showed them: the
    answers to writes do not.
    """

    group_id: str | None = None
    category_ids: tuple[str, ...] | None = None
    tag_ids: tuple[str, ...] | None = None
    tax_rate_ids: tuple[str, ...] | None = None


NO_DETAILS: Final = ItemDetails()


@dataclass(frozen=True)
class Item:
    """An item in Clover. `modified_at` is Clover's modifiedTime in milliseconds, which counts whole seconds."""

    id: str
    fields: ItemFields
    details: ItemDetails = NO_DETAILS
    modified_at: int = 0


@dataclass(frozen=True)
class UnreadableItem:
    """An item in Clover of which only these keys could be read, for the `reason` given."""

    id: str
    name: str
    sku: str
    code: str
    group_id: str | None = None
    modified_at: int = 0
    reason: str = ""

    @property
    def known(self) -> Item:
        """The item as far as it is known."""
        fields = ItemFields(self.name, self.sku, price=0, hidden=False, code=self.code)
        return Item(self.id, fields, ItemDetails(self.group_id), self.modified_at)


@dataclass(frozen=True)
class NewItem:
    """An item to create, as a member of an item group or of none."""

    fields: ItemFields
    group_id: str | None = None
