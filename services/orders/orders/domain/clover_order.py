"""The order as Clover shows it."""

from collections.abc import Mapping
from dataclasses import dataclass

from orders.domain.carts import Rate

SUCCESS = "SUCCESS"
LOCKED = "locked"
REFUNDED = {"REFUNDED", "MANUALLY_REFUNDED"}
PAID_STATES = {"PAID", "PARTIALLY_REFUNDED", "CREDITED"} | REFUNDED
"""Payment states of an order that was paid in full, even if some was given back since."""


@dataclass(frozen=True)
class Payment:
    """A payment on the order, in minor units; the tip is not in its amount. `reference` is an id of ours, if any."""

    reference: str | None
    amount: int
    result: str
    tip: int = 0


@dataclass(frozen=True)
class CloverRow:
    """A line item that Clover shows. `ours` is the id that we gave it; None of one that is not known to be ours.

    `rates` are those that tax it; None where Clover does not show them.
    """

    ours: str | None = None
    id: str | None = None
    name: str | None = None
    price: int | None = None
    rates: tuple[Rate, ...] | None = None


@dataclass(frozen=True)
class CloverOrder:
    """The order as Clover shows it. `shows_our_ids`: whether Clover returns the ids of ours with the rows."""

    rows: tuple[CloverRow, ...] = ()
    total: int | None = None
    payments: tuple[Payment, ...] = ()
    payment_state: str | None = None
    state: str | None = None
    title: str | None = None
    tax_removed: bool | None = None
    shows_our_ids: bool = True

    @property
    def line_ids(self) -> Mapping[str, str]:
        """Clover's ids of the rows that are known to be ours, by our ids."""
        return {each.ours: each.id for each in self.rows if each.ours and each.id}

    @property
    def price(self) -> int | None:
        """The sum of the prices of the rows, if every row shows one."""
        prices = [each.price for each in self.rows if each.price is not None]
        return sum(prices) if len(prices) == len(self.rows) else None

    @property
    def is_refunded(self) -> bool:
        """Whether everything that was paid was given back at the till."""
        return self.payment_state in REFUNDED

    @property
    def paid(self) -> int:
        """The sum of the successful payments, in minor units."""
        return sum(each.amount for each in self.payments if each.result == SUCCESS)
