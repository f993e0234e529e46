"""The events of inventory: stock that moved, and stock that Clover received."""

from typing import Literal

from common.contracts.envelope import Event
from common.ids import ItemId
from common.quantity import Thousandths


class StockChanged(Event):
    """The stock of one item moved. Quantities are in thousandths; `sku` is empty while the item has no link."""

    type = "inventory.stock_changed.v1"

    item_id: ItemId
    sku: str
    before: Thousandths
    after: Thousandths
    source: Literal["clover", "quicksync"]
    cause: str


class StockPushed(Event):
    """Clover received our count of one item. Quantities are in thousandths; `before` is Clover's count until then."""

    type = "inventory.stock_pushed.v1"

    item_id: ItemId
    sku: str
    before: Thousandths
    after: Thousandths
