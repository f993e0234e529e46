"""Sales that Clover made itself, as it shows them, and the parts of them that were published."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from common.contracts.orders import ReturnCause
from orders.domain.clover_order import LOCKED, PAID_STATES

ROUNDING = 10
"""Minor units by which a locked order may be paid short: cash is rounded at the till, the total is not (reported)."""


class Counted(StrEnum):
    """The parts of an order that are published, each once."""

    LINE = "line"
    PAYMENT = "payment"
    REFUND = "refund"
    TIP = "tip"
    ADDED_TAX = "added_tax"
    CONTAINED_TAX = "contained_tax"


@dataclass(frozen=True)
class Row:
    """A line item. `quantity` is in thousandths, `amount` its price after modifications and all discounts.

    `cause` is set once it has left the sale.
    """

    id: str
    item_id: str | None
    quantity: int
    amount: int
    created_at: datetime
    cause: ReturnCause | None = None


@dataclass(frozen=True)
class Money:
    """A payment or a refund, in minor units, with the rows that it concerns if Clover names them.

    `tip` is not in `amount`; `tax` is, where Clover states it.
    """

    id: str
    amount: int
    at: datetime
    rows: tuple[str, ...] = ()
    tip: int = 0
    tax: int = 0


@dataclass(frozen=True)
class Sale:
    """An order as Clover shows it; `payments` are the successful ones.

    Of the taxes on the rows that count, `added_tax` comes on top of them and `contained_tax` is in them. A credit,
    money given back without a sale, has an id of its own and one refund; `credited` is its order, if it has one.
    """

    id: str
    currency: str
    modified_at: datetime
    reference: str | None = None
    total: int | None = None
    state: str | None = None
    payment_state: str | None = None
    is_test: bool = False
    is_deleted: bool = False
    rows: tuple[Row, ...] = ()
    payments: tuple[Money, ...] = ()
    refunds: tuple[Money, ...] = ()
    added_tax: int = 0
    contained_tax: int = 0
    is_credit: bool = False
    credited: str | None = None

    @property
    def paid(self) -> int:
        """The sum of the successful payments."""
        return sum(each.amount for each in self.payments)

    @property
    def is_paid(self) -> bool:
        """Whether it is paid in full. A locked order need not be: printing a receipt locks it too (reported)."""
        if self.is_credit:
            return True
        if self.is_test or not self.payments:
            return False
        if self.payment_state in PAID_STATES:
            return True
        short = ROUNDING if self.state == LOCKED else 0
        return self.total is not None and 0 < self.total <= self.paid + short


@dataclass(frozen=True)
class Part:
    """A part of a sale as it was published: a line with its item and quantity, or an amount of money."""

    quantity: int
    amount: int
    item_id: str | None = None


Parts = Mapping[tuple[Counted, str], Part]
"""Each part by its kind and its id in Clover."""


@dataclass(frozen=True)
class Published:
    """The parts of an order that were published, and its modification time in Clover at that moment."""

    parts: Parts
    modified_at: datetime

    @property
    def paid(self) -> int:
        return sum(part.amount for (kind, _), part in self.parts.items() if kind is Counted.PAYMENT)
