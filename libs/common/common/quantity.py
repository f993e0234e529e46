"""Quantities: integer thousandths inside, decimals in HTTP (Clover has quantities like 2.5)."""

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

Thousandths = Annotated[int, Field(strict=True, ge=-(10**15), le=10**15)]
"""A quantity in events and tables: 2500 means 2.5."""

LIMIT = 10**12


def thousandths(value: Decimal | float | str) -> int:
    """Return the exact thousandths of a decimal number.

    Raise ValueError when it is not finite, has more than three decimals, or exceeds 10^12 in absolute value.
    """
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError("must be a finite number")
    if abs(number) > LIMIT:
        raise ValueError("must lie between -10^12 and 10^12")
    scaled = number * 1000
    if scaled != scaled.to_integral_value():
        raise ValueError("must have at most three decimals")
    return int(scaled)


def decimal(quantity: int) -> float:
    """Return the decimal number of this many thousandths; exact for every accepted quantity."""
    return quantity / 1000 if quantity % 1000 else quantity // 1000


def _parse(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic turns only ValueError into a field error
    return thousandths(value)


DecimalQuantity = Annotated[
    int,
    BeforeValidator(_parse),
    PlainSerializer(decimal, return_type=float),
    WithJsonSchema({"type": "number", "minimum": -LIMIT, "maximum": LIMIT, "multipleOf": 0.001}),
]
"""A quantity in an HTTP body: a JSON number with at most three decimals, held as thousandths."""
