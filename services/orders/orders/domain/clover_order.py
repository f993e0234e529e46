"""The order as Clover shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
class CloverOrder:
    """The order as Clover shows it. `rows` holds, for each line item, the id of ours that it carries, if any.

    `line_ids` are Clover's ids of those rows, by ours. `price` is the sum of the prices of the rows.
    """

    rows: tuple[str | None, ...] = ()
    total: int | None = None
    payments: tuple[Payment, ...] = ()
    payment_state: str | None = None
    state: str | None = None
    price: int | None = None
    title: str | None = None
    tax_removed: bool | None = None
    line_ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_refunded(self) -> bool:
        """Whether everything that was paid was given back at the till."""
        return self.payment_state in REFUNDED

    @property
    def paid(self) -> int:
        """The sum of the successful payments, in minor units."""
        return sum(each.amount for each in self.payments if each.result == SUCCESS)
