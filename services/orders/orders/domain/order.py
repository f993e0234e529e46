"""An order: its source, its progress in Clover and the action that its source requested."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from orders.domain.charge import Charge, charge
from orders.domain.progress import Progress, State
from orders.domain.source import Source
from orders.domain.taxes import MerchantTaxes


class OrderStatus(StrEnum):
    """The state of an order, or `held` while it waits for a problem to be solved."""

    READY = "ready"
    HELD = "held"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    CREATED = "created"
    PAID = "paid"
    UNPAID = "unpaid"
    DONE = "done"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class RequestedAction(StrEnum):
    """The action that the source requested after it sent the order."""

    COMPLETE = "complete"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Order:
    """A source order and its progress. `customer` is sealed; `revision` grows with each correction.

    Of an order that `is_erased`, customer and note were erased on request; they are not stored again. `body_digest`
    recognizes the body in which the order was sent; it is empty for one of an earlier version.
    """

    merchant_id: str
    source_id: str
    reference: str
    source: Source
    customer: bytes | None
    requested_action: RequestedAction | None
    progress: Progress
    received_at: datetime | None = None
    revision: int = 0
    is_erased: bool = False
    body_digest: str = ""

    @property
    def ids(self) -> dict[str, str]:
        """The ids that identify the order in events."""
        source = self.source
        return {
            "merchant_id": self.merchant_id,
            "channel": source.channel,
            "store": source.store,
            "source_id": self.source_id,
        }

    @property
    def is_being_created(self) -> bool:
        """Whether its creation is on its way to Clover, or its end is not known."""
        return self.progress.clover_order_id is None and self.progress.sending is not None

    @property
    def is_only_here(self) -> bool:
        """Whether nothing of it stands in Clover, for certain."""
        return self.progress.clover_order_id is None and self.progress.sending is None

    @cached_property
    def charge(self) -> Charge:
        """The rows and payments as which it is written to Clover. The plan asks for them row by row."""
        return charge(self.source, self.progress.taxes or MerchantTaxes())

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
        if state in {State.PAID, State.UNPAID}:
            return self.requested_action is not None
        return state not in {State.DONE, State.CANCELLED, State.EXPIRED}
