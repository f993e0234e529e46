"""The events of orders: the outcome of each order in Clover. Channel, store and source id identify an order."""

from common.contracts.envelope import Event
from common.ids import CloverId
from common.money import Currency, MinorUnits


class OrderSynced(Event):
    """The order is in Clover, exact to the cent and paid. `total` is in minor units of `currency`."""

    type = "orders.order_synced.v1"

    channel: str
    store: str
    source_id: str
    clover_order_id: CloverId
    currency: Currency
    total: MinorUnits


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
