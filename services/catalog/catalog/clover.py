"""Catalog's slice of Clover: who the merchant is, and its items."""

from collections.abc import Mapping

from pydantic import Field

from catalog.domain.products import ItemFields
from common.clover.transport import Answered, MerchantApi, Unread
from common.ids import CloverId
from common.money import Currency

ITEMS = "items"


class Merchant(Answered):
    """A merchant. Its name has at most 127 characters (documented)."""

    id: CloverId
    name: str = ""


class Properties(Answered):
    """What the merchant has set; beside this Clover sends bank numbers, which are none of our business."""

    currency: Currency = Field(validation_alias="defaultCurrency")
    timezone: str = Field("UTC", max_length=100)


class Item(Answered):
    """An item, of which Clover leaves out what is null (recorded)."""

    id: CloverId
    name: str = ""
    sku: str = ""
    price: int = 0
    hidden: bool = False
    code: str = ""
    deleted: bool = False

    def fields(self) -> ItemFields:
        return ItemFields(name=self.name, sku=self.sku, price=self.price, hidden=self.hidden, code=self.code)


async def merchant(api: MerchantApi) -> tuple[Merchant, Properties]:
    """The merchant the token opens, with what it has set."""
    return await api.get("", Merchant), await api.get("properties", Properties)


async def items_with_sku(api: MerchantApi, sku: str) -> list[Item]:
    """The items that carry this SKU; Clover does not keep SKUs unique (a guess).

    Compared once more here: a trailing `*` in a filter stands for anything (documented for names), and a filter that
    is ignored must neither link a stranger's item nor hide ours.
    """
    pages = api.pages(ITEMS, Item, {"filter": f"sku={sku}"})
    return [item async for page in pages for item in page if item.sku == sku and not item.deleted]


async def create_item(api: MerchantApi, fields: ItemFields) -> Item:
    """A new item with these fields."""
    return await api.post(ITEMS, fields.to_create(), Item)


async def update_item(api: MerchantApi, item_id: str, changes: Mapping[str, object]) -> None:
    """Change these fields alone: POST leaves out what it is not given (recorded)."""
    await api.post(f"{ITEMS}/{item_id}", changes, Unread)
