"""An order of ours: its source, how far it got, what is wanted of it, and how that is shown."""

from dataclasses import dataclass
from enum import StrEnum

from orders.domain.progress import Progress, State
from orders.domain.source import Source

PUSH_ORDER = "push_order"


class Shown(StrEnum):
    """What a person is shown: the state, or that the order waits for a problem to be solved."""

    READY = "ready"
    HELD = "held"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    CREATED = "created"
    PAID = "paid"
    DONE = "done"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


ENDED = {State.DONE, State.REJECTED, State.CANCELLED}


def shown(state: State, *, held: bool) -> Shown:
    """Held is what still has something to do and waits for a person."""
    return Shown.HELD if held and state not in ENDED else Shown(state.value)


class Wish(StrEnum):
    """What the source wants of an order beyond being sent."""

    COMPLETE = "complete"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Order:
    """A source order and how far it got. `customer` is sealed; `wish` is what the source wants of it."""

    merchant_id: str
    source_id: str
    reference: str
    source: Source
    customer: bytes | None
    wish: Wish | None
    progress: Progress

    @property
    def clover_id(self) -> str:
        """Its id in Clover, where it is by now."""
        if self.progress.clover_order_id is None:
            raise RuntimeError(f"an order that is {self.progress.state} has no id in Clover")
        return self.progress.clover_order_id

    @property
    def waits(self) -> bool:
        """Whether there is anything to do for it in Clover."""
        state = self.progress.state
        if state is State.PAID:
            return self.wish is not None
        return state not in {State.DONE, State.CANCELLED}
