"""The events of orders: the outcome of each order in Clover, and the sales that Clover made itself.

Channel, store and source id identify an order of another store.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from common.contracts.envelope import Event
from common.ids import CloverId, ItemId
from common.money import Currency, MinorUnits, SignedMinorUnits
from common.quantity import Thousandths


class OrderSynced(Event):
    """The order is in Clover, exact to the cent and as paid as in its store.

    `total` is in minor units of `currency`; `due` is the part of it that the store does not show as paid.
    """

    type = "orders.order_synced.v1"

    channel: str
    store: str
    source_id: str
    clover_order_id: CloverId
    currency: Currency
    total: MinorUnits
    due: MinorUnits = 0


class OrderCompleted(Event):
    """The source completed the order, and Clover shows it paid and locked."""

    type = "orders.order_completed.v1"

    channel: str
    store: str
    source_id: str
    clover_order_id: CloverId


class OrderCancelled(Event):
    """The order is cancelled. `clover_order_id` names the deleted order if it had got to Clover."""

    type = "orders.order_cancelled.v1"

    channel: str
    store: str
    source_id: str
    clover_order_id: CloverId | None


class CancellationRefused(Event):
    """Clover does not delete this order, so that it stands there uncancelled; `reason` explains it to the merchant."""

    type = "orders.cancellation_refused.v1"

    channel: str
    store: str
    source_id: str
    clover_order_id: CloverId
    reason: str


class OrderRejected(Event):
    """Clover does not accept this order as it is; `reason` explains it to the merchant."""

    type = "orders.order_rejected.v1"

    channel: str
    store: str
    source_id: str
    reason: str


class ReturnCause(StrEnum):
    """Why goods of a sale no longer count as sold."""

    REFUNDED = "refunded"
    EXCHANGED = "exchanged"
    VOIDED = "voided"
    """The line, its order or the payment was removed in Clover."""


class SoldLine(BaseModel):
    """A line of a sale in Clover. `item_id` is absent on custom lines, `sku` on items that are not linked.

    `quantity` is in thousandths. `amount` is its price in minor units, with modifications and all discounts, its own
    and its share of the order's; tax that comes on top is not in it. A line without quantity changed its price alone.
    """

    line_item_id: CloverId
    item_id: ItemId | None
    sku: str | None
    quantity: Annotated[Thousandths, Field(ge=0)]
    amount: MinorUnits


class ReturnedLine(SoldLine):
    """A line of a sale in Clover that no longer counts as sold, with its cause."""

    cause: ReturnCause


class PosSaleRecorded(Event):
    """Goods were sold in Clover, at the till or by another app there, and are paid. Orders of ours are never published.

    Sale and refund events of one Clover order add up to its present state: a change is published as its difference.
    `amount` is the money taken, in minor units of `currency`, with tax and without `tips`; `sold_at` is its time by
    Clover's clock. It is the sum of the lines, of `added_tax`, which comes on top of them, and of `other`: charges,
    fees, cash rounding, and, negative, the worth of goods returned in exchange. `contained_tax` is that in the lines.
    """

    type = "orders.pos_sale_recorded.v1"

    clover_order_id: CloverId
    currency: Currency
    amount: MinorUnits
    added_tax: MinorUnits = 0
    contained_tax: MinorUnits = 0
    tips: MinorUnits = 0
    other: SignedMinorUnits = 0
    sold_at: datetime
    lines: list[SoldLine]


class PosRefundRecorded(Event):
    """Goods or money of a sale in Clover went back: a refund, an exchange, or a void of a published sale.

    `amount` is the money given back, in minor units of `currency`; `returned_at` is its time by Clover's clock. Lines
    are those that Clover itself marks as returned: a refund of money alone has none. A manual credit that has no order
    names its own id as `clover_order_id`; when it is voided, a sale without lines takes it back. The amounts add up as
    in PosSaleRecorded, with `other` for money given back without goods.
    """

    type = "orders.pos_refund_recorded.v1"

    clover_order_id: CloverId
    currency: Currency
    amount: MinorUnits
    added_tax: MinorUnits = 0
    contained_tax: MinorUnits = 0
    tips: MinorUnits = 0
    other: SignedMinorUnits = 0
    returned_at: datetime
    lines: list[ReturnedLine]
