"""What catalog tells: merchants that come and go, and which Clover item a SKU is."""

from typing import Annotated

from pydantic import StringConstraints

from common.contracts.envelope import Event
from common.ids import ItemId
from common.money import Currency

Sku = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class MerchantConnected(Event):
    """The merchant's Clover can be spoken to, first or again. `region` is `us`, `eu`, `la` or `sandbox`."""

    type = "catalog.merchant_connected.v1"

    account_id: str
    region: str
    currency: Currency
    timezone: str


class ProductLinked(Event):
    """This SKU is this item in Clover."""

    type = "catalog.product_linked.v1"

    product_id: str
    sku: Sku
    item_id: ItemId
