"""The rows of Clover's lists of items. A row that cannot be read as an item is still known by its keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from catalog.domain.items import FIXED_PRICE, Item, ItemDetails, ItemFields, UnreadableItem
from common.clover.errors import wrong_fields
from common.ids import CloverId


class Row(BaseModel):
    """Base of the models of an item. A page has a thousand: null is a value here, as taking it out first costs time."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Reference(Row):
    """An object that another one refers to."""

    id: CloverId


class References(Row):
    """The objects of an expanded field; Clover cuts the list at 100 (documented)."""

    elements: tuple[Reference, ...] | None = None


def _ids(references: References | None) -> tuple[str, ...] | None:
    """Return the ids of the objects, sorted; None if the field was not expanded."""
    return None if references is None else tuple(sorted(each.id for each in references.elements or ()))


class ItemKeys(Row):
    """The fields that tell which item a row is, and which product it may be."""

    id: CloverId
    name: str | None = None
    sku: str | None = None
    code: str | None = None
    deleted: bool | None = None
    group: Reference | None = Field(None, validation_alias="itemGroup")
    modified_at: int | None = Field(None, validation_alias="modifiedTime")


class ItemResponse(ItemKeys):
    """An item; Clover leaves out fields that are null (recorded), and the last three unless they are expanded."""

    price: int | None = None
    hidden: bool | None = None
    alternate_name: str | None = Field(None, validation_alias="alternateName")
    cost: int | None = None
    price_type: str | None = Field(None, validation_alias="priceType")
    unit_name: str | None = Field(None, validation_alias="unitName")
    age_restricted: bool | None = Field(None, validation_alias="isAgeRestricted")
    default_tax_rates: bool | None = Field(None, validation_alias="defaultTaxRates")
    categories: References | None = None
    tags: References | None = None
    tax_rates: References | None = Field(None, validation_alias="taxRates")

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


class UnreadableRow(ItemKeys):
    """An item of which the keys can be read, and another field cannot."""

    model_config = ConfigDict(extra="allow")

    def item(self) -> UnreadableItem:
        """Return the item in the words of the domain."""
        group_id = self.group.id if self.group else None
        return UnreadableItem(
            self.id,
            self.name or "",
            self.sku or "",
            self.code or "",
            group_id=group_id,
            modified_at=self.modified_at or 0,
            reason=self._reason(),
        )

    def _reason(self) -> str:
        try:
            ItemResponse.model_validate({"id": self.id, **(self.model_extra or {})})
        except ValidationError as error:
            return wrong_fields(error)
        return ""


class ItemRow(RootModel[Annotated[ItemResponse | UnreadableRow, Field(union_mode="left_to_right")]]):
    """A row of a list of items."""
