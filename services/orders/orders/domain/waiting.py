"""How an order waits for products that are on their way to Clover, and for SKUs that are not linked."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from common import messages


class UnlinkedSkus(StrEnum):
    """The merchant's choice for orders with SKUs that are not linked to an item in Clover."""

    SEND = "send"
    """Their lines go as named custom lines."""

    HOLD = "hold"
    """The order waits until its SKUs are linked."""


FIRST, LAST = timedelta(seconds=1), timedelta(seconds=15)
NAMED = 3


def look_again_after(waited: timedelta) -> timedelta:
    """Return the pause before the next look, longer the longer the order has waited."""
    return min(max(waited / 4, FIRST), LAST)


def waits_for(skus: Sequence[str]) -> str:
    """Name the products that an order waits for."""
    return messages.for_locale().text("reason.order_waits_for_products", skus=some(skus))


def waits_for_catalog() -> str:
    """Explain that nobody knows yet whether an order has to wait for products."""
    return messages.for_locale().text("reason.order_waits_for_catalog")


def not_linked(skus: Sequence[str]) -> str:
    """Name the SKUs that hold an order."""
    return messages.for_locale().text("reason.skus_unlinked", skus=some(skus))


def some(skus: Sequence[str]) -> str:
    """Name the first of these SKUs, and how many more there are."""
    named, more = ", ".join(skus[:NAMED]), len(skus) - NAMED
    return messages.for_locale().text("reason.skus", skus=named, n=more) if more > 0 else named
