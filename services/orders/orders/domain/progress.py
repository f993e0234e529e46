"""How far an order got in Clover, and when a write may be repeated."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from orders.domain.taxes import MerchantTaxes
from orders.domain.writes import CreateOrder, Write

LINES_A_CALL = 100
"""Rows that Clover takes in one bulk call (documented)."""

LEAST_LOOKUPS = 3
LOOKS_BACK = timedelta(days=89)
"""Clover finds orders by their reference for 90 days (documented); a day is left for the difference of clocks."""

MANY_DOUBTS = 2
"""With the usual settle time, a minute after the first write without an answer."""


class State(StrEnum):
    """Where an order is. `submitting` is committed before the first byte leaves; `unknown` is looked up first."""

    READY = "ready"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    CREATED = "created"
    PAID = "paid"
    UNPAID = "unpaid"
    DONE = "done"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Progress:
    """How far an order got. Its fields are the columns of `source_order` with the same names.

    `sending` and `sending_key` name the write that is under way or whose end is not known; while they are set, no other
    write that must not be doubled is sent. `doubt_since` is when we began to look the write up, `looks` how many
    look-ups since then found nothing, `doubts` how many writes in a row ended without an answer. `attempts` counts
    the creations sent. `refused_skus` are those whose Clover items were refused; their lines go as named custom
    lines. `lines_a_call` shrinks after a refusal, until the refused item stands alone. `customer_settled`: nothing
    is left to do for the customer. `taxes` are the merchant's at the creation, as far as the order needs them.
    `edited`: an edit of an order in Clover is not written there yet; `note_changed`: nor is its note.
    `recorded_paid` is the sum of the payments that we recorded, in minor units, and `recorded_tip` that of their
    tips; Clover changes neither for anybody. `clover_tax` is the tax by the rates that Clover shows on the rows, where
    these are not ours. `line_ids` are our ids of the rows by Clover's, where Clover does not return ours.
    """

    state: State = State.READY
    sending: str | None = None
    sending_key: str | None = None
    doubt_since: datetime | None = None
    looks: int = 0
    doubts: int = 0
    attempts: int = 0
    clover_order_id: str | None = None
    clover_customer_id: str | None = None
    customer_settled: bool = False
    refused_skus: tuple[str, ...] = ()
    lines_a_call: int = LINES_A_CALL
    taxes: MerchantTaxes | None = None
    edited: bool = False
    recorded_paid: int = 0
    recorded_tip: int = 0
    clover_tax: int | None = None
    line_ids: Mapping[str, str] = field(default_factory=dict)
    note_changed: bool = False
    reason: str | None = None

    @property
    def is_long_in_doubt(self) -> bool:
        """Whether enough attempts in a row had no answer for a problem to be reported."""
        return self.doubts >= MANY_DOUBTS

    def is_out_of_sight(self, now: datetime) -> bool:
        """Return whether Clover would not find the order any more whose creation is in doubt."""
        since = self.doubt_since if self._is_creating else None
        return since is not None and now - since > LOOKS_BACK

    def begin(self, write: Write) -> "Progress":
        """Note that this write is under way; committed before it leaves."""
        if self.sending is not None:
            raise RuntimeError(f"{write.name} may not be sent while the end of {self.sending} is not known")
        begun = replace(self, sending=write.name, sending_key=write.key)
        if not isinstance(write, CreateOrder):
            return begun
        if self.state is not State.READY:
            raise RuntimeError(f"an order that is {self.state} is not created")
        return replace(begun, state=State.SUBMITTING, attempts=self.attempts + 1)

    def with_taxes(self, taxes: MerchantTaxes) -> "Progress":
        """The order is written with these tax settings, and keeps them."""
        return replace(self, taxes=taxes)

    def not_applied(self) -> "Progress":
        """The write surely changed nothing: it never left, or Clover refused it."""
        return replace(self._certain(), state=State.READY if self._is_creating else self.state)

    def in_doubt(self, now: datetime) -> "Progress":
        """The write may have been applied: its answer was lost."""
        state = State.UNKNOWN if self._is_creating else self.state
        return replace(self, doubt_since=now, looks=0, state=state, doubts=self.doubts + 1)

    def applied(self) -> "Progress":
        """The write is in Clover."""
        return replace(self._certain(), doubts=0)

    def created(self, clover_order_id: str) -> "Progress":
        """The order is in Clover under this id."""
        return replace(self.applied(), state=State.CREATED, clover_order_id=clover_order_id)

    def with_lines(self, line_ids: Mapping[str, str] | None = None) -> "Progress":
        """The lines of the write are in Clover, under these ids; the next call may take twice as many again."""
        known = {**self.line_ids, **(line_ids or {})}
        return replace(self.applied(), lines_a_call=min(2 * self.lines_a_call, LINES_A_CALL), line_ids=known)

    def with_fewer_lines(self, lines: int) -> "Progress":
        """Clover refused a call with several items; the next calls take this many lines."""
        return replace(self, lines_a_call=max(lines, 1))

    def without_item(self, sku: str) -> "Progress":
        """Clover refused the item of this SKU."""
        return replace(self, refused_skus=(*self.refused_skus, sku))

    def with_payment(self, amount: int, tip: int = 0) -> "Progress":
        """The payment is in Clover."""
        paid, tips = self.recorded_paid + amount, self.recorded_tip + tip
        return replace(self.applied(), recorded_paid=paid, recorded_tip=tips)

    def edit(self, taxes: MerchantTaxes, changed: Collection[str]) -> "Progress":
        """Another order takes the place of this one, which is in Clover; `changed` are the fields that differ."""
        noted = self.note_changed or "note" in changed
        edited = replace(self.reached(State.CREATED), edited=True, taxes=taxes, note_changed=noted, clover_tax=None)
        return replace(edited, clover_customer_id=None, customer_settled=False) if "customer" in changed else edited

    def with_header(self) -> "Progress":
        """Title, note and total are written as they are now."""
        return replace(self.applied(), note_changed=False)

    def with_customer(self, clover_customer_id: str) -> "Progress":
        """The customer has this id in Clover and is not attached yet."""
        return replace(self.applied(), clover_customer_id=clover_customer_id)

    def with_customer_settled(self) -> "Progress":
        """The customer is on the order, or the order goes without."""
        return replace(self.applied(), customer_settled=True)

    def not_seen(self, now: datetime, settle: timedelta) -> "Progress":
        """A look-up found nothing. The write counts as not applied only after several over the whole settle time."""
        looks = self.looks + 1
        if looks >= LEAST_LOOKUPS and now >= self._settled_at(settle, now):
            return self.not_applied()
        return replace(self, looks=looks)

    def next_lookup_after(self, now: datetime, settle: timedelta) -> timedelta:
        """Return the pause before the next look-up: short at first, the last one right after the settle time."""
        first = settle / 16
        left = self._settled_at(settle, now) - now
        return min(first * (1 << min(max(self.looks - 1, 0), 4)), left) if left > timedelta(0) else first

    def taxed(self, clover_tax: int) -> "Progress":
        """Clover taxes the rows by rates of its own, and shows this tax."""
        return replace(self, clover_tax=clover_tax)

    def rejected(self, reason: str) -> "Progress":
        return replace(self, state=State.REJECTED, reason=reason)

    def restarted(self) -> "Progress":
        """A person requested another attempt of a rejected order."""
        return replace(self, state=State.CREATED if self.clover_order_id else State.READY, reason=None)

    def corrected(self) -> "Progress":
        """Another order took the place of this one, of which nothing is in Clover."""
        return Progress(attempts=self.attempts, doubts=self.doubts)

    def reached(self, state: State) -> "Progress":
        return replace(self, state=state, reason=None, edited=False)

    @property
    def _is_creating(self) -> bool:
        return self.sending == CreateOrder.name

    def _certain(self) -> "Progress":
        return replace(self, sending=None, sending_key=None, doubt_since=None, looks=0)

    def _settled_at(self, settle: timedelta, now: datetime) -> datetime:
        return (self.doubt_since or now) + settle
