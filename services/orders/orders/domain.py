"""What orders decides: what may be kept of an order, what is sent next, when a write may be repeated, what adds up."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum

from common.contracts.problems import Code
from common.money import Money

PUSH_ORDER = "push_order"
FIND_SETUP = "find_setup"
SETUP_KEY = "setup"
SETUP_CODES = (Code.ORDER_TYPE_MISSING, Code.TENDER_MISSING)
"""The problems of the parts of the setup, in their order."""

ORDER_TYPE = "QuickSync"
"""The label of the order type, exactly and in this case; spaces around it do not matter."""
TENDER_KEY = "com.clover.tender.external_payment"
"""The tender is known by its key: its label is translated in Europe (documented)."""

MOST_UNITS = 2500
"""Lines Clover takes in one order, one per unit; 2,500 or 3,000, its pages disagree (documented)."""
LINES_A_CALL = 100
LONGEST_NAME = 127

SETUP_FRESH = timedelta(seconds=60)
FIRST_LOOK = timedelta(seconds=10)
LAST_LOOK = timedelta(minutes=10)
LONGEST_SETTLE = timedelta(hours=1)
LEAST_LOOKS = 3


@dataclass(frozen=True)
class Line:
    """One line of the source order; the price is in minor units."""

    sku: str
    name: str
    quantity: int
    unit_price: int


@dataclass(frozen=True)
class Customer:
    """Who ordered. Held only while it is received, sealed and sent."""

    first_name: str
    last_name: str
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True)
class Source:
    """The order as the other channel has it; the total is in minor units."""

    channel: str
    store: str
    number: str
    currency: str
    lines: tuple[Line, ...]
    total: int
    customer: Customer | None
    placed_at: datetime

    @property
    def money(self) -> Money:
        return Money(amount=self.total, currency=self.currency)


def lines_total(lines: Iterable[Line]) -> int:
    """What the lines come to, in minor units."""
    return sum(line.quantity * line.unit_price for line in lines)


def units(lines: Iterable[Line]) -> list[Line]:
    """One line per unit, as Clover counts (documented)."""
    return [replace(line, quantity=1) for line in lines for _ in range(line.quantity)]


def differing(one: Source, other: Source) -> list[str]:
    """The names of the fields in which they differ."""
    names = {"store": "channel"}
    different = [f.name for f in fields(Source) if getattr(one, f.name) != getattr(other, f.name)]
    return sorted({names.get(name, name) for name in different})


# --- what may be kept ------------------------------------------------------------------------------------------------

HIDDEN = "***"
_MAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}")
_PHONE = re.compile(r"\+\d[\d\s().-]{6,20}\d")
_SHORTEST_NAME = 3
"""Shorter names are also common parts of words and sizes."""


def keepable(region: str, order: Source) -> Source:
    """What of the order may be kept and sent on: for `us` all of it; elsewhere, an unknown region too, no customer.

    There the customer's own words, and what looks like an e-mail address or a telephone number, are taken out of
    every other text as well: a line named "Engraving for Ada Byron" becomes "Engraving for *** ***".
    """
    if region == "us":
        return order
    own = _own_words(order.customer)
    return replace(
        order,
        customer=None,
        store=impersonal(order.store, own),
        number=impersonal(order.number, own),
        lines=tuple(replace(e, sku=impersonal(e.sku, own), name=impersonal(e.name, own)) for e in order.lines),
    )


def impersonal(text: str, own_words: Sequence[str]) -> str:
    """The text without addresses, telephone numbers and these words."""
    for shape in (_MAIL, _PHONE):
        text = shape.sub(HIDDEN, text)
    for word in own_words:
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
    return text


def _own_words(customer: Customer | None) -> list[str]:
    if customer is None:
        return []
    said = [customer.email, customer.phone, customer.first_name, customer.last_name]
    parts = [*customer.first_name.split(), *customer.last_name.split()]
    words = {word for word in [*said, *parts] if word and len(word) >= _SHORTEST_NAME}
    return sorted(words, key=len, reverse=True)


# --- how it stands ---------------------------------------------------------------------------------------------------


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
        return replace(self, doubt_since=now, looks=0, state=state)

    def created(self, clover_order_id: str) -> "Progress":
        """It stands in Clover under this id."""
        return replace(self._certain(), state=State.CREATED, clover_order_id=clover_order_id)

    def with_lines(self, count: int) -> "Progress":
        """So many of its lines stand in Clover."""
        return replace(self._certain(), lines_sent=count)

    def with_customer(self, clover_customer_id: str) -> "Progress":
        """Its customer has this id in Clover; attaching it comes after."""
        return replace(self._certain(), clover_customer_id=clover_customer_id)

    def answered(self) -> "Progress":
        """What was being sent is there."""
        return self._certain()

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
        first = _settle(settle, self.attempts) / 16
        left = self._settled_at(settle, now) - now
        return min(first * (1 << min(max(self.looks - 1, 0), 4)), left) if left > timedelta(0) else first

    def _settled_at(self, settle: timedelta, now: datetime) -> datetime:
        return (self.doubt_since or now) + _settle(settle, self.attempts)

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


def _settle(settle: timedelta, attempts: int) -> timedelta:
    """Longer after each attempt without an end, so that an ailing Clover is not hammered."""
    longest = max(LONGEST_SETTLE, settle)
    return min(settle * (1 << min(max(attempts - 1, 0), 10)), longest)


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
    def waits(self) -> bool:
        """Whether there is anything to do for it in Clover."""
        state = self.progress.state
        if state is State.PAID:
            return self.wish is not None
        return state not in {State.DONE, State.CANCELLED}


# --- what Clover shows -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Payment:
    reference: str | None
    amount: int
    result: str


@dataclass(frozen=True)
class Seen:
    """The order as Clover shows it."""

    lines: int = 0
    total: int | None = None
    payments: tuple[Payment, ...] = ()
    customers: int = 0
    payment_state: str | None = None
    state: str | None = None

    def payment(self, reference: str) -> bool:
        """Whether our payment is there."""
        return any(each.reference == reference for each in self.payments)


def next_step(order: Order, seen: Seen) -> Step | None:
    """The first write that is missing in Clover; None when all are there."""
    if seen.lines < len(units(order.source.lines)):
        return Step.LINES
    if order.customer is not None and not seen.customers:
        return Step.ATTACH if order.progress.clover_customer_id else Step.CUSTOMER
    if not seen.payment(order.reference):
        return Step.PAYMENT
    return None


def differences(order: Order, seen: Seen) -> list[str]:
    """In what Clover's order is not the source's, in words; empty when it is exact and paid."""
    currency, wrong = order.source.currency, []
    lines, paid = len(units(order.source.lines)), sum(p.amount for p in seen.payments if p.result == "SUCCESS")
    if seen.total != order.source.total:
        shows = "none" if seen.total is None else _money(seen.total, currency)
        wrong.append(f"the total is {order.source.money} and Clover shows {shows}")
    if seen.lines != lines:
        wrong.append(f"it has {lines} units and Clover shows {seen.lines}")
    if paid != order.source.total:
        wrong.append(f"{order.source.money} were paid and Clover shows {_money(paid, currency)}")
    elif seen.payment_state != "PAID":
        wrong.append(f"Clover shows it as {seen.payment_state or 'neither open nor paid'} instead of PAID")
    return wrong


def not_completed(seen: Seen) -> list[str]:
    """Why Clover does not count the order as completed, in words; empty when it does. Locked alone proves nothing."""
    wrong = []
    if seen.payment_state != "PAID":
        wrong.append(f"Clover shows it as {seen.payment_state or 'neither open nor paid'} instead of PAID")
    if seen.state != "locked":
        wrong.append("Clover shows it as still open to changes instead of locked")
    return wrong


def _money(amount: int, currency: str) -> str:
    return f"{amount / 100:.2f} {currency}"


# --- how it looks in Clover ------------------------------------------------------------------------------------------


def title(source: Source) -> str:
    """The order's heading at the till: the channel and the order's number there, nobody's name."""
    return clipped(f"{source.channel} {source.number}")


def note(source_id: str) -> str:
    """Clover's reference has 12 characters only, so the whole id stands here."""
    return f"QuickSync order {source_id}"


def clipped(text: str, length: int = LONGEST_NAME) -> str:
    """The text cut to what Clover takes, which counts as Java does: two for an emoji."""
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore")


# --- what Clover needs first -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setup:
    """What the merchant's Clover must have before an order can be sent; None is what was looked for and not found."""

    order_type_id: str | None = None
    tender_id: str | None = None
    checked_at: datetime | None = None
    missing_since: datetime | None = None

    @property
    def parts(self) -> tuple[str | None, str | None]:
        """The order type and the tender."""
        return self.order_type_id, self.tender_id

    @property
    def complete(self) -> bool:
        return None not in self.parts

    def is_fresh(self, now: datetime) -> bool:
        return self.checked_at is not None and now - self.checked_at < SETUP_FRESH

    def found(self, order_type_id: str | None, tender_id: str | None, now: datetime) -> "Setup":
        """What a look into Clover found."""
        seen = Setup(order_type_id, tender_id, now)
        return seen if seen.complete else replace(seen, missing_since=self.missing_since or now)

    def look_again_after(self, now: datetime) -> timedelta:
        """The pause before it is looked for again."""
        return look_again_after(now - (self.missing_since or now))


def is_our_order_type(label: str | None) -> bool:
    """Whether this label is the one merchants are told to give."""
    return (label or "").strip() == ORDER_TYPE


def look_again_after(missing_for: timedelta) -> timedelta:
    """When to look for the setup again: after 10 s at first, rarer the longer it is missing, 10 min at most."""
    return min(max(missing_for / 10, FIRST_LOOK), LAST_LOOK)
