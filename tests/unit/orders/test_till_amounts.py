"""The amounts of rows at the till: they come to the subtotal, and a refund moves nothing between the others."""

from hypothesis import given
from hypothesis import strategies as st

from orders.domain.carts import Adjustment, Cart, Line, Rate
from orders.domain.till_amounts import amounts
from orders.domain.totals import compute, shares

RATES = (Rate(id="A", rate=825000), Rate(id="B", rate=1900000), Rate(id="FLAT", amount=10))

adjustments = st.one_of(
    st.builds(Adjustment, percentage=st.integers(0, 100)), st.builds(Adjustment, amount=st.integers(-900, 0))
)
lines = st.builds(
    Line,
    price=st.integers(0, 5000),
    unit_qty=st.none() | st.integers(1, 3000),
    rows=st.integers(1, 3),
    modifications=st.lists(st.integers(-50, 200), max_size=2).map(tuple),
    discounts=st.lists(adjustments, max_size=2).map(tuple),
    tax_rates=st.sets(st.sampled_from(RATES), max_size=2).map(tuple),
    exchanged=st.booleans(),
)
carts = st.builds(
    Cart,
    name=st.just("cart"),
    vat=st.booleans(),
    lines=st.lists(lines, min_size=1, max_size=8).map(tuple),
    discounts=st.lists(adjustments, max_size=2).map(tuple),
)


@given(cart=carts)
def test_shares_come_to_the_subtotal(cart: Cart) -> None:
    """Every row has its share of all discounts, to the minor unit; with the added tax they are the total."""
    found = amounts(cart)

    assert sum(found.rows) == compute(cart).subtotal
    assert sum(found.rows) + found.added_tax == found.total
    assert not (found.added_tax and found.contained_tax)
    assert all(each >= 0 for each in found.rows)


@given(cart=carts, chosen=st.sets(st.integers(0, 7)))
def test_a_refund_moves_nothing_between_rows(cart: Cart, chosen: set[int]) -> None:
    """The shares are the same whichever rows were refunded since."""
    refunded = tuple(line.model_copy(update={"refunded": number in chosen}) for number, line in enumerate(cart.lines))

    assert shares(cart.model_copy(update={"lines": refunded})) == shares(cart)
