"""Amounts as orders spell them: whole minor units, or a decimal text in the currency itself."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from common.money import exponent
from orders.domain.source import MOST_UNITS, Amount

MOST = 10**12
MOST_PERCENT = 100
CLOVERS_RATE = Decimal("1e-5")
AMOUNTS = {"amount", "unit_price", "price", "total", "rounding"}
_WHOLE = re.compile(r"-?[0-9]{1,12}", re.ASCII)
_MAJOR = re.compile(r"(-?)[0-9]{1,10}\.[0-9]{1,20}", re.ASCII)  # Shopify divides a price and sends all digits
_DECIMAL = re.compile(r"[0-9]{1,7}(\.[0-9]{1,6})?", re.ASCII)
_RATE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,20})?", re.ASCII)


def in_minor_units(amount: Amount, currency: str) -> Amount:
    """Return minor units: an integer holds them already, a Decimal holds units of the currency."""
    if isinstance(amount, int):
        return amount
    minor = amount.scaleb(exponent(currency))
    return int(minor) if minor == int(minor) else minor


def with_whole_amounts(tree: Any) -> Any:
    """Return the body with whole texts in the fields of amounts as the numbers that they are."""
    if isinstance(tree, list):
        return [with_whole_amounts(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    return {name: _number(each) if name in AMOUNTS else with_whole_amounts(each) for name, each in tree.items()}


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value


def _amount(value: object) -> Amount:
    found = _signed(value)
    if found < 0:
        raise ValueError("must not be negative; discounts, refunds and fees are amounts of 0 or more")
    return found


def _signed(value: object) -> Amount:
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > MOST:
            raise ValueError(f"must not be beyond {MOST} minor units")
        return value
    if isinstance(value, str) and _MAJOR.fullmatch(value):
        return Decimal(value)
    raise ValueError(
        'must be a whole number of minor units, such as 1250, or a text with a decimal point, such as "12.50"'
    )


def _quantity(value: object) -> Amount:
    if isinstance(value, int) and not isinstance(value, bool):
        found: Amount = value
    elif isinstance(value, str) and _DECIMAL.fullmatch(value):
        decimal = Decimal(value)
        found = int(decimal) if decimal == int(decimal) else decimal
    else:
        raise ValueError('must be a whole number, or a decimal text such as "0.5"')
    if not 0 < found <= MOST_UNITS:
        raise ValueError(f"must be more than 0 and at most {MOST_UNITS}")
    return found


def _percent(value: object) -> Decimal:
    text = f"{value:.20f}" if isinstance(value, float) else "" if isinstance(value, bool) else str(value)
    if not _RATE.fullmatch(text) or Decimal(text) > MOST_PERCENT:
        raise ValueError('must be a percentage from 0 to 100, such as 19 or "8.875"')
    # Stores that multiply a fraction send 7.249999999999999 for 7.25. Clover's rates have five decimals.
    return Decimal(text).quantize(CLOVERS_RATE).normalize()


def _described(whole: Mapping[str, object], decimal: str) -> WithJsonSchema:
    """Describe a number that is also taken as a decimal text."""
    return WithJsonSchema({"anyOf": [whole, {"type": "string", "maxLength": 32, "pattern": decimal}]})


WholeOrText = Annotated[
    Amount,
    PlainValidator(_amount),
    _described({"type": "integer", "minimum": 0, "maximum": MOST}, r"^[0-9]{1,10}\.[0-9]{1,20}$"),
]
"""An amount of 0 or more; a decimal text is exact, and rounded once with the whole order."""

SignedAmount = Annotated[
    Amount,
    PlainValidator(_signed),
    _described({"type": "integer", "minimum": -MOST, "maximum": MOST}, r"^-?[0-9]{1,10}\.[0-9]{1,20}$"),
]
Quantity = Annotated[
    Amount,
    PlainValidator(_quantity),
    _described({"type": "integer", "minimum": 1, "maximum": MOST_UNITS}, r"^[0-9]{1,7}(\.[0-9]{1,6})?$"),
]
Percent = Annotated[
    Decimal,
    PlainValidator(_percent),
    _described({"type": "number", "minimum": 0, "maximum": MOST_PERCENT}, r"^[0-9]{1,3}(\.[0-9]{1,20})?$"),
]
