"""Carts as the command `totals` reads them, and as our orders are shown to Clover's arithmetic."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError, model_validator

MOST_ROWS = 100_000

Whole = Annotated[int, Field(strict=True, gt=-(2**63), lt=2**63)]


class MalformedCart(ValueError):
    """The file has another form; the message names the cart and the field."""


class Part(BaseModel):
    """A part of a cart's file. A null field has its default, and fields that totals do not need are ignored."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        present = ((name, value) for name, value in fields.items() if value is not None)
        return {name: _without_null_entries(value) for name, value in present}


class Rate(Part):
    """A tax rate object: 10,000,000 is 100 %. `amount` is a flat tax, which counts if the rate is 0."""

    id: StrictStr
    rate: Annotated[Whole, Field(ge=0)] = 0
    amount: Whole = 0

    @property
    def fraction(self) -> Decimal:
        return Decimal(self.rate).scaleb(-7)

    @property
    def flat(self) -> int:
        return 0 if self.rate else self.amount


class Adjustment(Part):
    """A percentage, an amount, or both, which then both count (rule 2)."""

    percentage: Whole = 0
    percentage_decimal: Whole | None = None
    amount: Whole = 0

    @property
    def fraction(self) -> Decimal:
        """Return 0.125 for 12.5 %. percentage_decimal has precedence, even if it is 0 (rule 2)."""
        if self.percentage_decimal is None:
            return Decimal(self.percentage).scaleb(-2)
        return Decimal(self.percentage_decimal).scaleb(-6)


class Line(Part):
    """Equal rows of an order. `unit_qty` is in thousandths, for items that are sold per unit."""

    price: Whole = 0
    unit_qty: Whole | None = None
    rows: Annotated[Whole, Field(ge=0, le=MOST_ROWS)] = 1
    modifications: tuple[Whole, ...] = ()
    tax_rates: tuple[Rate, ...] = ()
    discounts: tuple[Adjustment, ...] = ()
    refunded: StrictBool = False
    exchanged: StrictBool = False
    is_order_fee: StrictBool = False


class Cart(Part):
    """An order as Clover's calculator sees it. Money is in minor units."""

    name: StrictStr
    vat: StrictBool = False
    tax_removed: StrictBool = False
    manual: StrictBool = False
    lines: tuple[Line, ...] = ()
    discounts: tuple[Adjustment, ...] = ()
    service_charge: Adjustment = Adjustment()
    additional_charges: tuple[Adjustment, ...] = ()
    tips: tuple[Whole, ...] = ()


def carts(text: bytes) -> Iterator[Cart]:
    """Read the carts of a file: a list, or an object with the list `carts`."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedCart(f"the file is not JSON: {error}") from None
    rows = content.get("carts") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise MalformedCart("carts: must be a list")
    yield from (_cart(number, row) for number, row in enumerate(rows, 1))


def _cart(number: int, row: Any) -> Cart:
    name = row.get("name") if isinstance(row, dict) else None
    try:
        return Cart.model_validate(row)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in fault["loc"]).lstrip(".")
        message = fault["msg"][:1].lower() + fault["msg"][1:]
        raise MalformedCart(f"cart {number} ({name or 'without a name'}): {path or 'cart'}: {message}") from None


def _without_null_entries(value: Any) -> Any:
    return [entry for entry in value if entry is not None] if isinstance(value, list) else value
