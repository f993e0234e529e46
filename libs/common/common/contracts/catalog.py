"""The events of catalog: connected merchants, and links between SKUs and Clover items."""

from typing import Annotated

from pydantic import StringConstraints

from common.contracts.envelope import Event
from common.ids import ItemId
from common.money import Currency

Sku = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class MerchantConnected(Event):
    """The merchant's Clover was connected, or connected again. `region` is `us`, `eu`, `la` or `sandbox`."""

    type = "catalog.merchant_connected.v1"

    account_id: str
    region: str
    currency: Currency
    timezone: str


class ProductLinked(Event):
    """A product was linked to an item in Clover, or the SKU of a linked product changed."""

    type = "catalog.product_linked.v1"

    product_id: str
    sku: Sku
    item_id: ItemId
