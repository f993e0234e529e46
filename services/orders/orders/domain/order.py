"""An order: its source, its progress in Clover and the action that its source requested."""

from dataclasses import dataclass
from enum import StrEnum

from orders.domain.progress import Progress, State
from orders.domain.source import Source


class OrderStatus(StrEnum):
    """The state of an order, or `held` while it waits for a problem to be solved."""

    READY = "ready"
    HELD = "held"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    CREATED = "created"
    PAID = "paid"
    DONE = "done"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class RequestedAction(StrEnum):
    """The action that the source requested after it sent the order."""

    COMPLETE = "complete"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Order:
    """A source order and its progress. `customer` is sealed."""

    merchant_id: str
    source_id: str
    reference: str
    source: Source
    customer: bytes | None
    requested_action: RequestedAction | None
    progress: Progress

    @property
    def clover_id(self) -> str:
        """The id in Clover, of an order that is known to be there."""
        if self.progress.clover_order_id is None:
            raise RuntimeError(f"an order that is {self.progress.state} has no id in Clover")
        return self.progress.clover_order_id

    @property
    def waits(self) -> bool:
        """Whether there is anything left to do in Clover."""
        state = self.progress.state
        if state is State.PAID:
            return self.requested_action is not None
        return state not in {State.DONE, State.CANCELLED}
