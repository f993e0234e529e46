"""How far an order got in Clover, and when a write may be repeated."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_SETTLE = timedelta(hours=1)
LEAST_LOOKS = 3
MANY_DOUBTS = 4
"""With the usual settle time of a minute, which doubles each time, seven minutes."""


class State(StrEnum):
    """Where an order is. `submitting` is committed before the first byte leaves; `unknown` is looked up first."""

    READY = "ready"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    CREATED = "created"
    PAID = "paid"
    DONE = "done"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """A write into Clover. All but `attach` must not be repeated while the one before may have been applied."""

    ORDER = "order"
    LINES = "lines"
    CUSTOMER = "customer"
    ATTACH = "attach"
    PAYMENT = "payment"


@dataclass(frozen=True)
class Progress:
    """How far an order got. `sending` is the write that left, or was about to, and has no known end yet.

    While `sending` is set nothing is sent. `doubt_since` is when the wait for a certain answer began, `looks` how often
    Clover has since been asked and showed nothing. `lines_sent` are the lines known to stand in Clover.
    `customer_settled`: nothing is left to do for its customer. `doubts` counts writes in a row whose end nobody heard.
    """

    state: State = State.READY
    sending: Step | None = None
    doubt_since: datetime | None = None
    looks: int = 0
    attempts: int = 0
    lines_sent: int = 0
    clover_order_id: str | None = None
    clover_customer_id: str | None = None
    reason: str | None = None
    customer_settled: bool = False
    doubts: int = 0

    @property
    def is_long_in_doubt(self) -> bool:
        """Whether it was sent so often without an end that somebody should know."""
        return self.doubts >= MANY_DOUBTS

    def begin(self, step: Step) -> "Progress":
        """About to send this; committed before it leaves."""
        if self.sending is not None:
            raise RuntimeError(f"{step} may not be sent while the end of {self.sending} is not known")
        if step is not Step.ORDER:
            return replace(self, sending=step)
        if self.state is not State.READY:
            raise RuntimeError(f"an order that is {self.state} is not sent")
        return replace(self, sending=step, state=State.SUBMITTING, attempts=self.attempts + 1)

    def not_applied(self) -> "Progress":
        """It surely did nothing: it never left, or Clover refused it."""
        state = State.READY if self.sending is Step.ORDER else self.state
        return replace(self._certain(), state=state)

    def in_doubt(self, now: datetime) -> "Progress":
        """It may have been applied: nobody heard how it ended."""
        state = State.UNKNOWN if self.sending is Step.ORDER else self.state
        return replace(self, doubt_since=now, looks=0, state=state, doubts=self.doubts + 1)

    def created(self, clover_order_id: str) -> "Progress":
        """It stands in Clover under this id."""
        return replace(self._applied(), state=State.CREATED, clover_order_id=clover_order_id)

    def with_lines(self, count: int) -> "Progress":
        """So many of its lines stand in Clover."""
        return replace(self._applied(), lines_sent=count)

    def with_customer(self, clover_customer_id: str) -> "Progress":
        """Its customer has this id in Clover; attaching it comes after."""
        return replace(self._applied(), clover_customer_id=clover_customer_id)

    def with_customer_settled(self) -> "Progress":
        """Its customer is on the order."""
        return replace(self._applied(), customer_settled=True)

    def answered(self) -> "Progress":
        """What was being sent is there."""
        return self._applied()

    def _applied(self) -> "Progress":
        return replace(self._certain(), doubts=0)

    def _certain(self) -> "Progress":
        return replace(self, sending=None, doubt_since=None, looks=0)

    def not_seen(self, now: datetime, settle: timedelta) -> "Progress":
        """Clover showed nothing of it. It counts as not applied only after several looks over the whole settle time."""
        looks = self.looks + 1
        if looks >= LEAST_LOOKS and now >= self._settled_at(settle, now):
            return self.not_applied()
        return replace(self, looks=looks)

    def look_again_after(self, now: datetime, settle: timedelta) -> timedelta:
        """The pause before the next look: short at first, the last look right after the settle time."""
        first = _settle(settle, self.doubts) / 16
        left = self._settled_at(settle, now) - now
        return min(first * (1 << min(max(self.looks - 1, 0), 4)), left) if left > timedelta(0) else first

    def _settled_at(self, settle: timedelta, now: datetime) -> datetime:
        return (self.doubt_since or now) + _settle(settle, self.doubts)

    def rejected(self, reason: str) -> "Progress":
        return replace(self, state=State.REJECTED, reason=reason)

    def resumed(self) -> "Progress":
        """A person asked for another try of what was rejected."""
        state = State.CREATED if self.clover_order_id else State.READY
        return replace(self, state=state, reason=None)

    def paid(self) -> "Progress":
        return replace(self, state=State.PAID, reason=None)

    def done(self) -> "Progress":
        return replace(self, state=State.DONE, reason=None)

    def cancelled(self) -> "Progress":
        return replace(self, state=State.CANCELLED, reason=None)


def _settle(settle: timedelta, doubts: int) -> timedelta:
    """Longer with each doubt in a row, so that an ailing Clover is not hammered."""
    longest = max(LONGEST_SETTLE, settle)
    return min(settle * (1 << min(max(doubts - 1, 0), 10)), longest)
