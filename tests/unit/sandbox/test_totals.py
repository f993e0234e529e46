"""Order totals as Clover computes them; tests/contract/test_totals.py has the carts of its own calculator."""

import pytest

from clover_sandbox.totals import WHOLE_PART, Discount, Line, Rate, Sale, compute, discounts_of, half_up, part_of

FIFTEEN_OFF = (Discount(part=150_000),)


def sale(second_rate: Rate, service_part: int = 0) -> Sale:
    tax_a = Rate("A", 1_000_000)
    lines = [
        Line(1400, discounts=(Discount(amount=-100),), rates=(tax_a,)),
        Line(1200, discounts=(Discount(part=250_000),), rates=(second_rate,)),
    ]
    return Sale(lines, FIFTEEN_OFF, service_part)


def test_the_worked_example_of_the_documentation_comes_to_2113() -> None:
    """The sum is 1105 + 765, a service charge of 94, and taxes of 111 and 38."""
    totals = compute(sale(Rate("B", 500_000), service_part=50_000))

    assert (totals.subtotal, totals.service_charge, totals.tax, totals.total) == (1870, 94, 149, 2113)


def test_one_shared_rate_is_rounded_once() -> None:
    """Both lines under one 10 % rate object are taxed together, giving 187."""
    assert compute(sale(Rate("A", 1_000_000))).tax == 187


def test_two_objects_of_the_same_rate_are_rounded_apart() -> None:
    """Tax is grouped by rate object, not by percentage, giving 111 + 77."""
    assert compute(sale(Rate("B", 1_000_000))).tax == 188


def test_percentage_decimal_wins_over_percentage() -> None:
    """With both fields present, the more precise one applies, even if it is 0."""
    assert part_of({"percentage": 50, "percentageDecimal": 100_000}) == WHOLE_PART // 10
    assert part_of({"percentage": 50, "percentageDecimal": 0}) == 0


def test_percentages_come_before_amounts() -> None:
    """Half of ten minus one is four."""
    cart = Sale([Line(1000)], discounts_of([{"amount": -100}, {"percentage": 50}]))

    assert compute(cart).total == 400


def test_a_discount_never_takes_a_line_below_zero() -> None:
    """That holds in a manual transaction too, where only prices are negative."""
    line = Line(100, discounts=(Discount(amount=-300),))

    assert compute(Sale([line])).total == 0
    assert compute(Sale([line, Line(-50)], manual=True)).total == -50


@pytest.mark.parametrize(("numerator", "rounded"), [(4, 0), (5, 1), (-4, 0), (-5, -1), (15, 2), (-15, -2)])
def test_halves_are_rounded_away_from_zero(numerator: int, rounded: int) -> None:
    assert half_up(numerator, 10) == rounded
