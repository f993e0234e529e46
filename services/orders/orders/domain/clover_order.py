"""The order as Clover shows it, and how it differs from the source."""

from dataclasses import dataclass

from common.money import format_money
from orders.domain.order import Order
from orders.domain.source import units

SUCCESS = "SUCCESS"
LOCKED = "locked"
REFUNDED = {"REFUNDED", "MANUALLY_REFUNDED"}


@dataclass(frozen=True)
class Payment:
    """A payment on the order; the amount is in minor units, `reference` is an id of ours if it carries one."""

    reference: str | None
    amount: int
    result: str


@dataclass(frozen=True)
class CloverOrder:
    """The order as Clover shows it. `rows` holds, for each line item, the id of ours that it carries, if any."""

    rows: tuple[str | None, ...] = ()
    total: int | None = None
    payments: tuple[Payment, ...] = ()
    payment_state: str | None = None
    state: str | None = None

    @property
    def is_refunded(self) -> bool:
        """Whether everything that was paid was given back at the till."""
        return self.payment_state in REFUNDED

    @property
    def paid(self) -> int:
        """The sum of the successful payments, in minor units."""
        return sum(each.amount for each in self.payments if each.result == SUCCESS)

    def needs_payment(self, order: Order) -> bool:
        """Whether our payment is missing and no other payment covers the total."""
        return self.paid < order.source.total and not any(each.reference == order.reference for each in self.payments)

    def unpaid(self, order: Order) -> str | None:
        """The reason why the order does not count as paid. Without a payment state the sum of payments decides."""
        if self.payment_state == "PAID" or (self.payment_state is None and self.paid >= order.source.total):
            return None
        return f"Clover shows it as {self.payment_state or 'not paid'} instead of PAID"


def differences(order: Order, clover_order: CloverOrder) -> list[str]:
    """List how Clover's order differs from the source, with both numbers; empty when it is exact and paid."""
    currency, wrong = order.source.currency, []
    lines, shown = len(units(order.source.lines)), len(clover_order.rows)
    if clover_order.total != order.source.total:
        total = "none" if clover_order.total is None else format_money(clover_order.total, currency)
        wrong.append(f"the total is {order.source.money} and Clover shows {total}")
    if shown != lines:
        wrong.append(f"it has {lines} units and Clover shows {shown}")
    if clover_order.paid != order.source.total:
        wrong.append(f"{order.source.money} were paid and Clover shows {format_money(clover_order.paid, currency)}")
    elif unpaid := clover_order.unpaid(order):
        wrong.append(unpaid)
    return wrong


def not_completed(order: Order, clover_order: CloverOrder) -> list[str]:
    """List why Clover does not count the order as completed. A locked order may still be unpaid (reported)."""
    wrong = []
    if unpaid := clover_order.unpaid(order):
        wrong.append(unpaid)
    if clover_order.state != LOCKED:
        wrong.append("Clover shows it as still open to changes instead of locked")
    return wrong
