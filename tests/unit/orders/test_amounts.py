"""Amounts and rates as other stores write them."""

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from orders.api.amounts import Percent

PERCENT: TypeAdapter[Decimal] = TypeAdapter(Percent)


@pytest.mark.parametrize(
    ("sent", "rate"),
    [
        (7.000000000000001, "7"),
        ("7.249999999999999", "7.25"),
        (0.1 + 0.2, "0.3"),
        (8.875, "8.875"),
        ("9.9750", "9.975"),
        (0.00001, "0.00001"),
        (100, "100"),
    ],
)
def test_a_rate_has_as_many_decimals_as_in_clover(sent: object, rate: str) -> None:
    """Stores that multiply a fraction by a hundred send what their arithmetic leaves."""
    assert PERCENT.validate_python(sent) == Decimal(rate)


@pytest.mark.parametrize("sent", [100.00001, -1, True, "1e1", "NaN", float("nan"), float("inf"), "", None])
def test_what_is_no_rate_is_refused(sent: object) -> None:
    with pytest.raises(ValidationError):
        PERCENT.validate_python(sent)
