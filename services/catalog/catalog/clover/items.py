"""The items of a merchant in Clover."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields

from pydantic import Field

from catalog.domain.items import FIXED_PRICE, Item, ItemDetails, ItemFields
from common.clover.paging import LARGEST_PAGE
from common.clover.transport import Answered, MerchantApi, Unread
from common.errors import NotFound
from common.ids import CloverId

ITEMS = "items"

NAMES = {
    "alternate_name": "alternateName",
    "price_type": "priceType",
    "unit_name": "unitName",
    "age_restricted": "isAgeRestricted",
}
"""Clover's names of the fields that have another one here."""


class Reference(Answered):
    """An object that another one refers to."""

    id: CloverId


class References(Answered):
    """The objects of an expanded field; Clover cuts the list at 100 (documented)."""

    elements: tuple[Reference, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the objects, sorted."""
        return tuple(sorted(each.id for each in self.elements))


class ItemResponse(Answered):
    """An item; Clover leaves out fields that are null (recorded), and the last three unless they are expanded."""

    id: CloverId
    name: str = ""
    sku: str = ""
    price: int = 0
    hidden: bool = False
    code: str = ""
    alternate_name: str = Field("", validation_alias="alternateName")
    cost: int | None = None
    price_type: str = Field(FIXED_PRICE, validation_alias="priceType")
    unit_name: str = Field("", validation_alias="unitName")
    age_restricted: bool = Field(default=False, validation_alias="isAgeRestricted")
    deleted: bool = False
    group: Reference | None = Field(None, validation_alias="itemGroup")
    modified_at: int = Field(0, validation_alias="modifiedTime")
    categories: References | None = None
    tags: References | None = None
    tax_rates: References | None = Field(None, validation_alias="taxRates")

    def item(self) -> Item:
        """Return the item in the words of the domain."""
        fields = ItemFields(**self.model_dump(include={field.name for field in dataclass_fields(ItemFields)}))
        details = ItemDetails(
            group_id=self.group.id if self.group else None,
            category_ids=self.categories.ids if self.categories else None,
            tag_ids=self.tags.ids if self.tags else None,
            tax_rate_ids=self.tax_rates.ids if self.tax_rates else None,
        )
        return Item(self.id, fields, details, self.modified_at)


@dataclass(frozen=True)
class ItemPage:
    """A page of items, and the offset of the next one."""

    items: list[Item]
    end: int
    is_last: bool


async def items_with_sku(api: MerchantApi, sku: str) -> list[Item]:
    """Return the items with this SKU; Clover does not keep SKUs unique (a guess).

    The SKU is compared here once more: a trailing `*` in a filter is a wildcard (documented for names), and if Clover
    ignored the filter, another product's item must not be linked.
    """
    pages = api.pages(ITEMS, ItemResponse, {"filter": f"sku={sku}"})
    return [each.item() async for page in pages for each in page if each.sku == sku and not each.deleted]


async def find_item(api: MerchantApi, item_id: str) -> Item | None:
    """Return the item; None when it was deleted, which Clover answers with 404 or with a mark (a guess)."""
    try:
        found = await api.get(f"{ITEMS}/{item_id}", ItemResponse)
    except NotFound:
        return None
    return None if found.deleted else found.item()


async def item_page(api: MerchantApi, offset: int) -> ItemPage:
    """Return the page of all items at this offset."""
    page = await api.page(ITEMS, ItemResponse, offset)
    items = [each.item() for each in page if not each.deleted]
    return ItemPage(items, offset + len(page), is_last=len(page) < LARGEST_PAGE)


async def create_item(api: MerchantApi, fields: ItemFields) -> str:
    """Create an item with these fields; return its id."""
    return (await api.post(ITEMS, _body(fields.to_create()), ItemResponse)).id


async def update_item(api: MerchantApi, item_id: str, changes: Mapping[str, object]) -> None:
    """Write these fields; Clover keeps the fields a POST leaves out (recorded)."""
    await api.post(f"{ITEMS}/{item_id}", _body(changes), Unread)


def _body(fields: Mapping[str, object]) -> dict[str, object]:
    return {NAMES.get(name, name): value for name, value in fields.items()}
