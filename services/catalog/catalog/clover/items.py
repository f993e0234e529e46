"""The items of a merchant in Clover."""

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.domain.items import Item, ItemFields
from common.clover.paging import LARGEST_PAGE
from common.clover.transport import Answered, MerchantApi, Unread
from common.errors import NotFound
from common.ids import CloverId

ITEMS = "items"


class ItemResponse(Answered):
    """An item; Clover leaves out fields that are null (recorded)."""

    id: CloverId
    name: str = ""
    sku: str = ""
    price: int = 0
    hidden: bool = False
    code: str = ""
    deleted: bool = False

    def item(self) -> Item:
        """Return the item in the words of the domain."""
        fields = ItemFields(name=self.name, sku=self.sku, price=self.price, hidden=self.hidden, code=self.code)
        return Item(self.id, fields)


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
    return (await api.post(ITEMS, fields.to_create(), ItemResponse)).id


async def update_item(api: MerchantApi, item_id: str, changes: Mapping[str, object]) -> None:
    """Write these fields; Clover keeps the fields a POST leaves out (recorded)."""
    await api.post(f"{ITEMS}/{item_id}", changes, Unread)
