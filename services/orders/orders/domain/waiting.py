"""How an order waits for products that are on their way to Clover, and for SKUs that are not linked."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum


class UnlinkedSkus(StrEnum):
    """What a merchant chose for orders with SKUs that are not linked to an item in Clover."""

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
    more = f" and {len(skus) - NAMED} more" if len(skus) > NAMED else ""
    one = "product" if len(skus) == 1 else "products"
    return f"{one} {', '.join(skus[:NAMED])}{more} to reach Clover"


def not_linked(skus: Sequence[str]) -> str:
    """Name the SKUs that hold an order."""
    more = f" and {len(skus) - NAMED} more" if len(skus) > NAMED else ""
    return f"Not linked to an item in Clover: {', '.join(skus[:NAMED])}{more}."
