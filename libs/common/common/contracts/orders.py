"""What orders tells: how each order fared in Clover."""

from common.contracts.envelope import Event
from common.ids import CloverId
from common.money import Money


class OrderSynced(Event):
    """The order stands in Clover, exact to the cent and paid."""

    type = "orders.order_synced.v1"

    source_id: str
    clover_order_id: CloverId
    total: Money


class OrderCompleted(Event):
    """The source says the order is fulfilled, and Clover shows it paid and locked."""

    type = "orders.order_completed.v1"

    source_id: str
    clover_order_id: CloverId


class OrderCancelled(Event):
    """The order is cancelled, in Clover too if it had got there."""

    type = "orders.order_cancelled.v1"

    source_id: str
    clover_order_id: CloverId | None


class OrderRejected(Event):
    """Clover will not take this order as it is; `reason` says why in words for the merchant."""

    type = "orders.order_rejected.v1"

    source_id: str
    reason: str
