"""The order as Clover shows it: what is missing there, and what is not as in the source."""

from dataclasses import dataclass

from orders.domain.order import Order
from orders.domain.progress import Step
from orders.domain.source import units

LINES_A_CALL = 100
SUCCESS = "SUCCESS"
LOCKED = "locked"


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
    payment_state: str | None = None
    state: str | None = None

    @property
    def paid(self) -> int:
        """What was paid, in minor units."""
        return sum(each.amount for each in self.payments if each.result == SUCCESS)

    def needs_payment(self, order: Order) -> bool:
        """Whether our payment is not there, nor was the total paid in another way."""
        return self.paid < order.source.total and not any(each.reference == order.reference for each in self.payments)

    def unpaid(self, order: Order) -> str | None:
        """What keeps Clover from counting the order as paid, in words. It may say nothing; then the sum counts."""
        if self.payment_state == "PAID" or (self.payment_state is None and self.paid >= order.source.total):
            return None
        return f"Clover shows it as {self.payment_state or 'not paid'} instead of PAID"


def next_step(order: Order, seen: Seen) -> Step | None:
    """The first write that is missing in Clover; None when all are there."""
    if seen.lines < len(units(order.source.lines)):
        return Step.LINES
    if order.customer is not None and not order.progress.customer_settled:
        return Step.ATTACH if order.progress.clover_customer_id else Step.CUSTOMER
    if seen.needs_payment(order):
        return Step.PAYMENT
    return None


def differences(order: Order, seen: Seen) -> list[str]:
    """In what Clover's order is not the source's, in words; empty when it is exact and paid."""
    currency, wrong = order.source.currency, []
    lines = len(units(order.source.lines))
    if seen.total != order.source.total:
        shows = "none" if seen.total is None else _money(seen.total, currency)
        wrong.append(f"the total is {order.source.money} and Clover shows {shows}")
    if seen.lines != lines:
        wrong.append(f"it has {lines} units and Clover shows {seen.lines}")
    if seen.paid != order.source.total:
        wrong.append(f"{order.source.money} were paid and Clover shows {_money(seen.paid, currency)}")
    elif unpaid := seen.unpaid(order):
        wrong.append(unpaid)
    return wrong


def not_completed(order: Order, seen: Seen) -> list[str]:
    """Why Clover does not count the order as completed, in words; empty when it does. Locked alone proves nothing."""
    wrong = []
    if unpaid := seen.unpaid(order):
        wrong.append(unpaid)
    if seen.state != LOCKED:
        wrong.append("Clover shows it as still open to changes instead of locked")
    return wrong


def _money(amount: int, currency: str) -> str:
    return f"{amount / 100:.2f} {currency}"
