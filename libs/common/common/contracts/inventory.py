"""What inventory tells: how stock moved and why."""

from typing import Literal

from common.contracts.envelope import Event
from common.ids import ItemId
from common.quantity import Thousandths


class StockChanged(Event):
    """Stock of one item moved; all quantities in thousandths. `sku` is empty while the item has no link."""

    type = "inventory.stock_changed.v1"

    item_id: ItemId
    sku: str
    before: Thousandths
    after: Thousandths
    source: Literal["clover", "quicksync"]
    cause: str


class StockPushed(Event):
    """Clover now shows this count because we wrote it."""

    type = "inventory.stock_pushed.v1"

    item_id: ItemId
    sku: str
    before: Thousandths
    after: Thousandths
