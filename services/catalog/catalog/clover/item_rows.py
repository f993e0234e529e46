"""The rows of Clover's lists of items. A row that cannot be read as an item is still known by its keys.

They are no models: a page has a thousand, and models take half as much time again, most of it in garbage collection.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, RootModel, TypeAdapter, ValidationError

from catalog.domain.items import FIXED_PRICE, Item, ItemDetails, ItemFields, UnreadableItem
from common.clover.errors import wrong_fields
from common.ids import CloverId


@dataclass(slots=True)
class Reference:
    """An object that another one refers to."""

    id: CloverId


@dataclass(slots=True)
class References:
    """The objects of an expanded field; Clover cuts the list at 100 (documented)."""

    elements: list[Reference] | None = None


def _ids(references: References | None) -> tuple[str, ...] | None:
    """Return the ids of the objects, sorted; None if the field was not expanded."""
    if references is None:
        return None
    return tuple(sorted([each.id for each in references.elements])) if references.elements else ()


@dataclass(slots=True)
class ItemKeys:
    """The fields that tell which item a row is, and which product it may be."""

    id: CloverId
    name: str | None = None
    sku: str | None = None
    code: str | None = None
    deleted: bool | None = None
    group: Annotated[Reference | None, Field(validation_alias="itemGroup")] = None
    modified_at: Annotated[int | None, Field(validation_alias="modifiedTime")] = None


@dataclass(slots=True)
class ItemResponse(ItemKeys):
    """An item; Clover leaves out fields that are null (recorded), and the last three unless they are expanded."""

    price: int | None = None
    hidden: bool | None = None
    alternate_name: Annotated[str | None, Field(validation_alias="alternateName")] = None
    cost: int | None = None
    price_type: Annotated[str | None, Field(validation_alias="priceType")] = None
    unit_name: Annotated[str | None, Field(validation_alias="unitName")] = None
    age_restricted: Annotated[bool | None, Field(validation_alias="isAgeRestricted")] = None
    default_tax_rates: Annotated[bool | None, Field(validation_alias="defaultTaxRates")] = None
    categories: References | None = None
    tags: References | None = None
    tax_rates: Annotated[References | None, Field(validation_alias="taxRates")] = None

    def item(self) -> Item:
        """Return the item in the words of the domain."""
        fields = ItemFields(
            name=self.name or "",
            sku=self.sku or "",
            price=self.price or 0,
            hidden=self.hidden or False,
            code=self.code or "",
            alternate_name=self.alternate_name or "",
            cost=self.cost,
            price_type=self.price_type or FIXED_PRICE,
            unit_name=self.unit_name or "",
            age_restricted=self.age_restricted or False,
            default_tax_rates=self.default_tax_rates is not False,
        )
        details = ItemDetails(
            group_id=self.group.id if self.group else None,
            category_ids=_ids(self.categories),
            tag_ids=_ids(self.tags),
            tax_rate_ids=_ids(self.tax_rates),
        )
        return Item(self.id, fields, details, self.modified_at or 0)


READABLE = TypeAdapter(ItemResponse)


@dataclass(slots=True)
class UnreadableRow(ItemKeys):
    """An item of which the keys can be read, and another field cannot, for this reason."""

    reason: str = ""

    def item(self) -> UnreadableItem:
        """Return the item in the words of the domain."""
        return UnreadableItem(
            self.id,
            self.name or "",
            self.sku or "",
            self.code or "",
            group_id=self.group.id if self.group else None,
            modified_at=self.modified_at or 0,
            reason=self.reason,
        )


def _with_reason(row: Any) -> Any:
    """Return the row with the reason for which it cannot be read as an item."""
    try:
        READABLE.validate_python(row)
    except ValidationError as error:
        return {**row, "reason": wrong_fields(error)} if isinstance(row, dict) else row
    return row


class ItemRow(
    RootModel[
        Annotated[
            ItemResponse | Annotated[UnreadableRow, BeforeValidator(_with_reason)],
            Field(union_mode="left_to_right"),
        ]
    ]
):
    """A row of a list of items."""


class WrittenItem(RootModel[ItemResponse]):
    """The item in the answer to a write."""
