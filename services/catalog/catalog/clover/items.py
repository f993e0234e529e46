"""The items of a merchant in Clover."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalog.domain.items import FIXED_PRICE, Item, ItemDetails, ItemFields, NewItem
from common.clover.paging import LARGEST_PAGE, Part
from common.clover.transport import MerchantApi, Unread
from common.errors import NotFound, Rejected, Undecodable
from common.ids import CloverId

ITEMS = "items"
DETAILS = {"expand": "categories,tags,taxRates"}
MOST_NAMED = 100
"""Ids in one filter; Clover asks for no more (documented)."""
BULK = "bulk_items"

MOST_IN_BULK = 2500
"""The rows of one call (documented since March 2026)."""


NAMES = {
    "alternate_name": "alternateName",
    "price_type": "priceType",
    "unit_name": "unitName",
    "age_restricted": "isAgeRestricted",
    "default_tax_rates": "defaultTaxRates",
}
"""Clover's names of the fields that have another one here."""


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


class ItemResponse(Row):
    """An item; Clover leaves out fields that are null (recorded), and the last three unless they are expanded."""

    id: CloverId
    name: str | None = None
    sku: str | None = None
    price: int | None = None
    hidden: bool | None = None
    code: str | None = None
    alternate_name: str | None = Field(None, validation_alias="alternateName")
    cost: int | None = None
    price_type: str | None = Field(None, validation_alias="priceType")
    unit_name: str | None = Field(None, validation_alias="unitName")
    age_restricted: bool | None = Field(None, validation_alias="isAgeRestricted")
    default_tax_rates: bool | None = Field(None, validation_alias="defaultTaxRates")
    deleted: bool | None = None
    group: Reference | None = Field(None, validation_alias="itemGroup")
    modified_at: int | None = Field(None, validation_alias="modifiedTime")
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


@dataclass(frozen=True)
class ItemPage:
    """A page of items. `size` counts its rows, of which a deleted one is no item; `last_id` is that of its last row.

    It shows all that had changed by `as_of`, in milliseconds of Clover's own clock; None if that is not known.
    """

    items: list[Item]
    size: int
    last_id: str = ""
    as_of: int | None = None

    @property
    def is_last(self) -> bool:
        """Whether the list ends with it: a page shorter than the limit is the last (recorded)."""
        return self.size < LARGEST_PAGE


async def find_item(api: MerchantApi, item_id: str) -> Item | None:
    """Return the item; None when it was deleted, which Clover answers with 404 or with a mark (a guess)."""
    try:
        found = await api.get(f"{ITEMS}/{item_id}", ItemResponse, DETAILS)
    except NotFound:
        return None
    return None if found.deleted else found.item()


async def item_page(api: MerchantApi, offset: int) -> ItemPage:
    """Return the page of all items at this offset."""
    return _page(await api.page(ITEMS, ItemResponse, offset, DETAILS))


async def items_after(api: MerchantApi, item_id: str, modified_from: int = 0) -> ItemPage:
    """Return the items that follow this one by id, of those modified at this time or later (in milliseconds).

    Neither the depth of the list nor changes meanwhile matter to pages by id. Raise Undecodable when Clover does not
    sort or filter them.
    """
    since = [f"modifiedTime>={modified_from}"] if modified_from else []
    after = [f"id>{item_id}"] if item_id else []
    page = await api.page(ITEMS, ItemResponse, 0, {**DETAILS, "filter": since + after, "orderBy": "id ASC"})
    ids = [each.id for each in page.elements]
    if ids != sorted(set(ids)) or (ids and ids[0] <= item_id):
        raise Undecodable("Clover does not sort its items by id")
    return _page(page)


async def newest_changes(api: MerchantApi, modified_from: int) -> ItemPage:
    """Return the items modified at this time or later (in milliseconds); of more than a page the newest."""
    filtered = {**DETAILS, "filter": f"modifiedTime>={modified_from}", "orderBy": "modifiedTime DESC"}
    return _page(await api.page(ITEMS, ItemResponse, 0, filtered))


async def has_items(api: MerchantApi, count: int) -> bool:
    """Return whether the merchant has exactly this many items, above zero: the last one is there and no further one.

    Where Clover cuts lists, the answer is no.
    """
    try:
        page = await api.page(ITEMS, Reference, count - 1, limit=2)
    except Rejected:
        return False
    return len(page.elements) == 1


async def find_items(api: MerchantApi, item_ids: Sequence[str]) -> list[Item]:
    """Return those of up to 100 items that a list of Clover's shows. An item that was added just now may be missing.

    Raise Undecodable when Clover ignores the filter, as it does with unknown ones (recorded of other parameters).
    """
    named = ",".join(f"'{each}'" for each in item_ids)
    page = await api.page(ITEMS, ItemResponse, 0, {**DETAILS, "filter": f"id in ({named})"})
    if not {each.id for each in page.elements} <= set(item_ids):
        raise Undecodable("Clover lists items that were not asked for")
    return _page(page).items


async def create_item(api: MerchantApi, new: NewItem) -> Item:
    """Create an item."""
    return (await api.post(ITEMS, _new(new), ItemResponse)).item()


async def create_items(api: MerchantApi, rows: Sequence[NewItem]) -> list[Item]:
    """Create up to MOST_IN_BULK items in one call; return those that the answer shows."""
    answer = await api.post(BULK, {"items": [_new(each) for each in rows]}, Unread)
    return _written(answer)


async def update_item(api: MerchantApi, item_id: str, changes: Mapping[str, object]) -> Item | None:
    """Write these fields, as Clover keeps the fields a POST leaves out (recorded); return the item as answered."""
    answer = await api.post(f"{ITEMS}/{item_id}", _body(changes), Unread)
    return next(iter(_written(Unread([answer.root]))), None)


async def update_items(api: MerchantApi, changes: Mapping[str, Mapping[str, object]]) -> list[Item]:
    """Write these fields of up to MOST_IN_BULK items, given by id; return those that the answer shows."""
    rows = [{"id": item_id, **_body(fields)} for item_id, fields in changes.items()]
    return _written(await api.put(BULK, {"items": rows}, Unread))


async def delete_item(api: MerchantApi, item_id: str) -> None:
    """Delete an item; one that is deleted already is no error."""
    with suppress(NotFound):
        await api.delete(f"{ITEMS}/{item_id}")


async def delete_items(api: MerchantApi, item_ids: Sequence[str]) -> None:
    """Delete up to 100 items in one call (documented). Raise NotFound when one of them is gone (a guess)."""
    await api.delete(ITEMS, {"itemIds": ",".join(item_ids)})


def _written(answer: Unread) -> list[Item]:
    """Return the items of the answer to a write. Its form is not documented: a list, or an object with `elements`."""
    rows = answer.root.get("elements") if isinstance(answer.root, dict) else answer.root
    items: list[Item] = []
    for row in rows if isinstance(rows, list) else []:
        with suppress(ValidationError):
            items.append(ItemResponse.model_validate(row).item())
    return items


def _page(part: Part[ItemResponse]) -> ItemPage:
    rows = part.elements
    items = [each.item() for each in rows if not each.deleted]
    return ItemPage(items, len(rows), rows[-1].id if rows else "", part.as_of)


def _new(item: NewItem) -> dict[str, object]:
    group = {"itemGroup": {"id": item.group_id}} if item.group_id else {}
    return _body(item.fields.to_create()) | group


def _body(fields: Mapping[str, object]) -> dict[str, object]:
    return {NAMES.get(name, name): value for name, value in fields.items()}
