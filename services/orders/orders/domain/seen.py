"""The order as Clover shows it: what is missing there, and what is not as in the source."""

from dataclasses import dataclass

from orders.domain.order import Order
from orders.domain.progress import Step
from orders.domain.source import units

LINES_A_CALL = 100


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

    def payment(self, reference: str) -> bool:
        """Whether our payment is there."""
        return any(each.reference == reference for each in self.payments)


def next_step(order: Order, seen: Seen) -> Step | None:
    """The first write that is missing in Clover; None when all are there."""
    if seen.lines < len(units(order.source.lines)):
        return Step.LINES
    if order.customer is not None and not order.progress.customer_settled:
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
