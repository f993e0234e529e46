"""Items as Clover has them, and the fields of an item that QuickSync writes."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class ItemFields:
    """The fields of a Clover item that QuickSync writes. `price` is in minor units; `code` is the barcode or empty."""

    name: str
    sku: str
    price: int
    hidden: bool
    code: str = ""

    def to_create(self) -> dict[str, object]:
        """Return the body of a create: every field that is not empty."""
        return {name: value for name, value in asdict(self).items() if value != ""}

    def changes_from(self, known: "ItemFields | None") -> dict[str, object]:
        """Return the fields that differ from `known`; all of them when nothing is known."""
        before = asdict(known) if known else {}
        return {name: value for name, value in asdict(self).items() if name not in before or before[name] != value}


@dataclass(frozen=True)
class ItemDetails:
    """What Clover shows of an item beside the fields that QuickSync writes.

    `group_id` is the item group of a variant. Categories, tags and tax rates are None while no answer showed them: the
    answers to writes do not.
    """

    alternate_name: str = ""
    price_type: str = "FIXED"
    unit_name: str = ""
    cost: int | None = None
    age_restricted: bool = False
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
