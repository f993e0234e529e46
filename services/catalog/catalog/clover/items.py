"""The items of a merchant in Clover."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pydantic import ValidationError

from catalog.clover.item_rows import READABLE, ItemResponse, ItemRow, WrittenItem
from catalog.domain.items import Item, NewItem, UnreadableItem
from common.clover.paging import LARGEST_PAGE, Part
from common.clover.transport import MerchantApi, Unread
from common.errors import NotFound, Rejected, Undecodable

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

MOST_UNREADABLE = 10
"""Rows of a page. With more of them it is the form of all items that we do not know, and the page cannot be read."""


@dataclass(frozen=True)
class ItemPage:
    """A page of items. `size` counts its rows, of which a deleted one is no item; `last_id` is that of its last row.

    It shows all that had changed by `as_of`, in milliseconds of Clover's own clock; None if that is not known. `ids`
    are those of all its items, also of the `unreadable` ones.
    """

    items: list[Item]
    size: int
    last_id: str = ""
    as_of: int | None = None
    unreadable: Sequence[UnreadableItem] = ()
    ids: Sequence[str] = ()

    @property
    def is_last(self) -> bool:
        """Whether the list ends with it: a page shorter than the limit is the last (recorded)."""
        return self.size < LARGEST_PAGE


async def find_item(api: MerchantApi, item_id: str) -> Item | UnreadableItem | None:
    """Return the item; None when it was deleted, which Clover answers with 404 or with a mark (a guess)."""
    try:
        found = (await api.get(f"{ITEMS}/{item_id}", ItemRow, DETAILS)).root
    except NotFound:
        return None
    return None if found.deleted else found.item()


async def item_page(api: MerchantApi, offset: int) -> ItemPage:
    """Return the page of all items at this offset."""
    return _page(await api.page(ITEMS, ItemRow, offset, DETAILS))


async def items_after(api: MerchantApi, item_id: str, modified_from: int = 0) -> ItemPage:
    """Return the items that follow this one by id, of those modified at this time or later (in milliseconds).

    Neither the depth of the list nor changes meanwhile matter to pages by id. Raise Undecodable when Clover does not
    sort or filter them.
    """
    since = [f"modifiedTime>={modified_from}"] if modified_from else []
    after = [f"id>{item_id}"] if item_id else []
    page = await api.page(ITEMS, ItemRow, 0, {**DETAILS, "filter": since + after, "orderBy": "id ASC"})
    ids = [each.root.id for each in page.elements]
    if ids != sorted(set(ids)) or (ids and ids[0] <= item_id):
        raise Undecodable("Clover does not sort its items by id")
    return _page(page)


async def newest_changes(api: MerchantApi, modified_from: int) -> ItemPage:
    """Return the items modified at this time or later (in milliseconds); of more than a page the newest."""
    filtered = {**DETAILS, "filter": f"modifiedTime>={modified_from}", "orderBy": "modifiedTime DESC"}
    return _page(await api.page(ITEMS, ItemRow, 0, filtered))


async def has_items(api: MerchantApi, count: int) -> bool:
    """Return whether the merchant has exactly this many items, above zero: the last one is there and no further one.

    Where Clover cuts lists, the answer is no.
    """
    try:
        page = await api.page(ITEMS, Unread, count - 1, limit=2)
    except Rejected:
        return False
    return len(page.elements) == 1


async def find_items(api: MerchantApi, item_ids: Sequence[str]) -> ItemPage:
    """Return those of up to 100 items that a list of Clover's shows. An item that was added just now may be missing.

    Raise Undecodable when Clover ignores the filter, as it does with unknown ones (recorded of other parameters).
    """
    named = ",".join(f"'{each}'" for each in item_ids)
    page = await api.page(ITEMS, ItemRow, 0, {**DETAILS, "filter": f"id in ({named})"})
    if not {each.root.id for each in page.elements} <= set(item_ids):
        raise Undecodable("Clover lists items that were not asked for")
    return _page(page)


async def create_item(api: MerchantApi, new: NewItem) -> Item:
    """Create an item."""
    return (await api.post(ITEMS, _new(new), WrittenItem)).root.item()


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
            items.append(READABLE.validate_python(row).item())
    return items


def _page(part: Part[ItemRow]) -> ItemPage:
    """Return the page. Raise Undecodable when it has too many rows that cannot be read."""
    rows = [each.root for each in part.elements]
    there = [each for each in rows if not each.deleted]
    unreadable = [each.item() for each in there if not isinstance(each, ItemResponse)]
    if len(unreadable) > MOST_UNREADABLE:
        raise Undecodable(f"Clover shows {len(unreadable)} items in another form than expected: {unreadable[0].reason}")
    items = [each.item() for each in there if isinstance(each, ItemResponse)]
    last_id = rows[-1].id if rows else ""
    return ItemPage(items, len(rows), last_id, part.as_of, unreadable, [each.id for each in there])


def _new(item: NewItem) -> dict[str, object]:
    group = {"itemGroup": {"id": item.group_id}} if item.group_id else {}
    return _body(item.fields.to_create()) | group


def _body(fields: Mapping[str, object]) -> dict[str, object]:
    return {NAMES.get(name, name): value for name, value in fields.items()}
