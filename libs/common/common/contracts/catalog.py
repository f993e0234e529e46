"""The events of catalog: connected merchants, and links between SKUs and Clover items.

Each but ContactChanged carries the `version` of the row that it describes. Events may arrive late, twice or never, so a
receiver applies a higher version only, and compares its copies with catalog's rows from time to time.
"""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from common.contracts.envelope import Event
from common.ids import ItemId
from common.money import Currency

Sku = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Version = Annotated[int, Field(ge=1, le=2**53)]
"""Grows with every change of a row; not by one."""


class MerchantConnected(Event):
    """The merchant's Clover was connected, or connected again. `region` is `us`, `eu`, `la` or `sandbox`.

    Personal data that a service stored before `erase_before` is to be erased, whichever version it knows already.
    """

    type = "catalog.merchant_connected.v1"

    version: Version
    account_id: str
    region: str
    currency: Currency
    timezone: str
    erase_before: datetime | None = None


class MerchantDisconnected(Event):
    """The merchant's Clover was disconnected; the other fields are those it was last connected with.

    Personal data that a service stored before `erase_before` is to be erased, whichever version it knows already.
    """

    type = "catalog.merchant_disconnected.v1"

    version: Version
    account_id: str
    region: str
    currency: Currency
    timezone: str
    erase_before: datetime | None = None


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
