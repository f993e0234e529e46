"""The amounts of an order at the till, by Clover's arithmetic: of each row after all discounts, and the tax."""

from collections.abc import Sequence
from dataclasses import dataclass

from orders.domain.carts import Cart
from orders.domain.totals import compute, shares


@dataclass(frozen=True)
class Amounts:
    """The value of each row, and the tax of those that count: `added` on top of them, or `contained` in them."""

    rows: Sequence[int]
    total: int
    added_tax: int = 0
    contained_tax: int = 0


def amounts(cart: Cart) -> Amounts:
    """Compute the amounts of a cart."""
    computed = compute(cart)
    taxes = (0, computed.tax) if cart.vat else (computed.tax, 0)
    return Amounts(shares(cart), computed.total, *taxes)
