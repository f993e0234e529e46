"""Order totals by Clover's published algorithm."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from clover_sandbox.totals import Discount, Line, Rate, compute, discounts_of, half_up, part_of

FIVE_PERCENT = Fraction(5, 100)
FIFTEEN_OFF = (Discount(part=Fraction(15, 100)),)


def cart(second_rate: Rate) -> list[Line]:
    tax_a = Rate("A", 1_000_000)
    return [
        Line(1400, discounts=(Discount(amount=-100),), rates=(tax_a,)),
        Line(1200, discounts=(Discount(part=Fraction(25, 100)),), rates=(second_rate,)),
    ]


def test_the_worked_example_of_the_documentation_comes_to_2113() -> None:
    """The sum is 1105 + 765, a service charge of 94, and taxes of 111 and 38."""
    totals = compute(cart(Rate("B", 500_000)), FIFTEEN_OFF, service_part=FIVE_PERCENT)

    assert (totals.subtotal, totals.service_charge, totals.tax, totals.total) == (1870, 94, 149, 2113)


def test_one_shared_rate_is_rounded_once() -> None:
    """Both lines under one 10 % rate object are taxed together, giving 187."""
    assert compute(cart(Rate("A", 1_000_000)), FIFTEEN_OFF).tax == 187


def test_two_objects_of_the_same_rate_are_rounded_apart() -> None:
    """Tax is grouped by rate object, not by percentage, giving 111 + 77."""
    assert compute(cart(Rate("B", 1_000_000)), FIFTEEN_OFF).tax == 188


def test_vat_is_part_of_the_price() -> None:
    """The tax is computed from the price and not added."""
    totals = compute([Line(1190, rates=(Rate("V", 1_900_000),))], vat=True)

    assert (totals.total, totals.tax) == (1190, 190)


def test_removed_tax_is_zero() -> None:
    """An order with taxRemoved is not taxed."""
    assert compute([Line(1000, rates=(Rate("A", 1_000_000),))], tax_removed=True).total == 1000


def test_units_are_thousandths() -> None:
    """1.5 units at 3.33 cost 5.00 (4.995 rounded half up)."""
    assert compute([Line(333, units=1500)]).total == 500


def test_percentage_decimal_wins_over_percentage() -> None:
    """With both fields present, the more precise one applies."""
    assert part_of({"percentage": 50, "percentageDecimal": 100_000}) == Fraction(1, 10)


def test_percentages_come_before_amounts() -> None:
    """Half of ten minus one is four."""
    assert compute([Line(1000)], discounts_of([{"amount": -100}, {"percentage": 50}])).total == 400


def test_only_manual_transactions_go_below_zero() -> None:
    """A larger discount reduces a line to zero, except in a manual transaction."""
    line = Line(100, discounts=(Discount(amount=-300),))

    assert compute([line]).total == 0
    assert compute([line], may_be_negative=True).total == -200


@given(st.lists(st.integers(0, 10**6), max_size=20), st.integers(0, 100))
def test_an_order_discount_takes_its_share_of_the_sum(prices: list[int], percentage: int) -> None:
    """For any number of lines, spreading the discount costs at most one rounding."""
    totals = compute([Line(price) for price in prices], discounts_of([{"percentage": percentage}]))

    assert totals.total == half_up(Fraction(sum(prices) * (100 - percentage), 100))
