"""The events of catalog: connected merchants, links between SKUs and Clover items, and edits made in Clover.

Those of merchants and links carry the `version` of the row that they describe. Events may arrive late, twice or never,
so a receiver applies a higher version only, and compares its copies with catalog's rows from time to time.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, StringConstraints

from common.contracts.envelope import Event
from common.ids import ItemId
from common.money import Currency

Sku = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Version = Annotated[int, Field(ge=1, le=2**53)]
"""Grows with every change of a row; not by one."""


class Connection(BaseModel):
    """The fields of events about the connection of a merchant's Clover."""

    version: Version
    account_id: str
    region: str
    currency: Currency
    timezone: str
    erase_before: datetime | None = None


class MerchantConnected(Connection, Event):
    """The merchant's Clover was connected, or connected again. `region` is `us`, `eu`, `la` or `sandbox`.

    Personal data that a service stored before `erase_before` is to be erased, whichever version it knows already.
    """

    type = "catalog.merchant_connected.v1"


class MerchantDisconnected(Connection, Event):
    """The merchant's Clover was disconnected; the other fields are those it was last connected with.

    Personal data that a service stored before `erase_before` is to be erased, whichever version it knows already.
    """

    type = "catalog.merchant_disconnected.v1"


class ContactChanged(Event):
    """The e-mail address of the merchant's account changed; catalog's internal API has the new one."""

    type = "catalog.contact_changed.v1"


class ProductLinked(Event):
    """A product was linked to an item in Clover, or the SKU of a linked product changed.

    Versions are unique within the merchant: of two items with one SKU, the one with the higher version has it.
    """

    type = "catalog.product_linked.v1"

    version: Version
    product_id: str
    sku: Sku
    item_id: ItemId


class ProductUnlinked(Event):
    """An item lost its link. `replaced_by` is the item that takes over its product or SKU, and with it the stock."""

    type = "catalog.product_unlinked.v1"

    version: Version
    product_id: str
    sku: Sku
    item_id: ItemId
    replaced_by: ItemId | None = None


FieldValue: TypeAlias = str | int | bool | tuple[str, ...] | None


class FieldEdit(BaseModel):
    """A field of a product that was edited in Clover, under the name that it has in catalog's API.

    `before` is the value of the product, and `after` the one of its item in Clover. With `is_conflict`, QuickSync had
    changed the field as well: `before` had not reached Clover yet. Money is in minor units of the event's currency.
    A variant is shown by its options, such as `Size: M`; `variant.name` is the name of its group.
    """

    field: str
    before: FieldValue
    after: FieldValue
    is_conflict: bool = False


class ItemEdits(BaseModel):
    """The fields of events about edits made in Clover to the item of a product."""

    product_id: str
    item_id: ItemId
    sku: Sku
    name: str
    currency: Currency
    changes: Annotated[tuple[FieldEdit, ...], Field(min_length=1)]


class ProductChanged(ItemEdits, Event):
    """The values of an item became those of its product, as Clover is the master of the merchant's catalogue.

    `cause` is `edited_in_clover`, or `linked` when a product was linked to an item with other values. `sku` and `name`
    are those that the product has now.
    """

    type = "catalog.product_changed.v1"

    cause: Literal["edited_in_clover", "linked"]


class EditReverted(ItemEdits, Event):
    """An item was edited in Clover, and QuickSync puts the values of its product back, as it is the master of them."""

    type = "catalog.edit_reverted.v1"


class ItemCreated(Event):
    """An item was created in Clover, the master of the catalogue, that no product matches.

    A product that is created with its SKU is linked to it. `price` and `cost` are in minor units of the merchant's
    currency; `sku` and `barcode` may be empty.
    """

    type = "catalog.item_created.v1"

    item_id: ItemId
    name: str
    sku: str
    barcode: str
    price: int
    cost: int | None
    status: Literal["active", "inactive"]


class ItemDeleted(Event):
    """An item was deleted in Clover. Its product waits, if it has one: the item is not created again by itself."""

    type = "catalog.item_deleted.v1"

    item_id: ItemId
    name: str
    sku: str
    product_id: str | None
