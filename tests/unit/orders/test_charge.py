"""Orders of every kind of shop are written so that Clover's own calculator comes to what the shop charged."""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clover_sandbox import totals as clover
from orders.domain import parts, totals
from orders.domain.carts import Cart
from orders.domain.charge import Charge, charge
from orders.domain.mistakes import mistakes
from orders.domain.notices import InClover, in_clover, notices
from orders.domain.rows import MOST_ROWS
from orders.domain.source import Amount, Discount, Extra, Line, Payment, Source, Tax
from orders.domain.sums import discrepancy
from orders.domain.taxes import MerchantTaxes, TaxRate

RATES = {"7": 700_000, "8.875": 887_500, "19": 1_900_000, "20": 2_000_000, "4": 400_000, "4.5": 450_000}
NONE = TaxRate("NONE", "NO_TAX_APPLIED", 0)
KNOWN = (*(TaxRate(f"R{percent}", f"Tax {percent}", rate) for percent, rate in RATES.items()), NONE)
MERCHANTS = [
    MerchantTaxes(vat=False, rates=KNOWN),
    MerchantTaxes(vat=True, rates=KNOWN),
    MerchantTaxes(vat=False, rates=(NONE,)),
    MerchantTaxes(vat=True, rates=()),
    MerchantTaxes(vat=False, rates=(TaxRate("D", "Default", 1_000_000, is_default=True), NONE)),
]


@dataclass(frozen=True)
class Shop:
    """How a shop computes: whether its prices contain tax, and what it rounds."""

    included: bool
    rounds: str
    per_line: bool


shops = st.builds(Shop, st.booleans(), st.sampled_from(["unit", "line", "order", "never"]), st.booleans())
goods = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 20_000), st.sampled_from(["", *RATES]), st.integers(0, 100)),
    min_size=1,
    max_size=5,
)


def cents(amount: Any) -> int:
    return int(Decimal(amount).quantize(Decimal(1), ROUND_HALF_UP))


def sale(
    shop: Shop, lines: Any, discount_percent: int = 0, shipping: int = 0, tip: int = 0, paid_parts: int = 1
) -> Source:
    """The order that such a shop makes of a cart."""
    made, summed = list[Line](), dict[str, Decimal]()
    for quantity, price, percent, line_percent in lines:
        discount = cents(Decimal(quantity * price * line_percent) / 100)
        net = quantity * price - discount
        share = cents(Decimal(net * discount_percent) / 100)
        tax = _tax(shop, percent, quantity, net - share)
        summed[percent] = summed.get(percent, Decimal(0)) + Decimal(tax)
        taxes = (Tax("", Decimal(percent), tax, shop.included),) if percent and shop.per_line else ()
        made.append(Line("SKU", "Thing", quantity, price, None, (Discount("", discount), Discount("", share)), taxes))
    extras = (Extra("Post", shipping),) if shipping else ()
    charged = {percent: summed[percent] if shop.rounds == "never" else cents(summed[percent]) for percent in summed}
    order_taxes = tuple(
        Tax("", Decimal(percent), amount, shop.included) for percent, amount in charged.items() if percent
    )
    exact: Amount = sum(each.price - sum(d.amount for d in each.discounts) for each in made) + shipping + tip
    if not shop.included:
        exact += sum(each.amount for each in order_taxes)
    total = cents(exact)
    payments = tuple(Payment(total // paid_parts + (total % paid_parts if not n else 0)) for n in range(paid_parts))
    tips = (Payment(tip),) if tip else ()
    return Source(
        channel="shop",
        store="s",
        number="1",
        currency="USD",
        lines=tuple(made),
        total=total,
        customer=None,
        placed_at=None,
        shipping=extras,
        taxes=order_taxes,
        tips=tips,
        payments=payments,
    )


def _tax(shop: Shop, percent: str, quantity: int, price: int) -> Amount:
    rate = Decimal(percent or 0) / 100
    factor = rate / (1 + rate) if shop.included else rate
    match shop.rounds:
        case "unit":
            return quantity * cents(Decimal(price) / quantity * factor)
        case "line":
            return cents(price * factor)
        case _:
            return price * factor


def recalculated(made: Charge, merchant: MerchantTaxes) -> clover.Totals:
    """Return the totals of the rows by the sandbox's calculator, which shares no code with ours."""
    known = {each.id: clover.Rate(each.id, each.rate, 0) for each in merchant.rates}
    rows = [
        clover.Line(
            price=row.price if row.unit_price is None else row.unit_price,
            units=row.thousandths,
            modifications=[],
            discounts=[],
            rates=tuple(known[each] for each in row.rates),
            refunded=False,
            exchanged=False,
            fee=False,
        )
        for row in made.rows
    ]
    return clover.compute(
        clover.Sale(
            lines=rows, discounts=[], service_part=0, tax_removed=made.tax_removed, vat=merchant.vat, manual=False
        )
    )


def assert_exact(source: Source, merchant: MerchantTaxes) -> Charge:
    """Assert that Clover shows exactly what was charged, and as much paid."""
    assert list(mistakes(source)) == []
    made = charge(source, merchant)
    assert made == charge(source, merchant.needed_by(source))  # the rates that an order keeps are enough for it
    shown = recalculated(made, merchant)
    assert (shown.total, shown.tax) == (made.total, made.tax)
    paid = sum(each.amount + each.tip for each in made.payments)
    assert made.total + made.tip == source.total
    assert paid == min(source.total, cents(sum(each.amount for each in source.payments or ())))
    assert all(row.price >= 0 for row in made.rows)
    assert all(payment.amount > 0 for payment in made.payments)
    assert len(made.rows) <= MOST_ROWS
    return made


@given(
    shops,
    goods,
    st.integers(0, 100),
    st.integers(0, 3000),
    st.integers(0, 1000),
    st.integers(1, 3),
    st.sampled_from(MERCHANTS),
)
def test_clover_comes_to_what_the_shop_charged(
    shop: Shop, lines: Any, percent: int, shipping: int, tip: int, paid_parts: int, merchant: MerchantTaxes
) -> None:
    """For every way of rounding and both kinds of merchant the total is exact and the order is paid."""
    source = sale(shop, lines, percent, shipping, tip, paid_parts)
    assert discrepancy(source, source.total) is None
    made = assert_exact(source, merchant)
    assert made.is_covered


@pytest.mark.parametrize("included", [True, False])
@pytest.mark.parametrize("rounds", ["unit", "line", "order"])
@pytest.mark.parametrize("vat", [True, False])
def test_all_twelve_combinations_name_the_rates(included: bool, rounds: str, vat: bool) -> None:
    """With the rates known, Clover's tax report shows the tax, and the rounding is a few cents."""
    lines = [(7, 1333, "19", 5), (3, 499, "7", 0), (12, 89, "19", 10)]
    source = sale(Shop(included, rounds, per_line=True), lines, 7, 495)
    made = assert_exact(source, MERCHANTS[1 if vat else 0])
    assert made.named_rates
    assert abs(made.rounding) <= 15
    assert abs(made.tax - sum(cents(each.amount) for each in source.taxes)) <= 15


def order(**changed: Any) -> Source:
    usual: dict[str, Any] = {"lines": (Line("MUG", "Mug", 2, 1250), Line("", "Poster", 1, 999)), "total": 3499}
    return Source("shop", "s", "1", "USD", customer=None, placed_at=None, **(usual | changed))


def test_a_line_of_which_the_store_knows_only_the_sum() -> None:
    """Its cents are spread over the units."""
    made = assert_exact(
        order(lines=(Line("PIN", "Pin", 100, 400, total=39960),), total=39960, payments=(Payment(39960),)), MERCHANTS[1]
    )
    assert {row.price for row in made.rows} == {399, 400}
    assert len(made.rows) == 100


def test_more_units_than_clover_takes() -> None:
    """The largest lines are one row each, named by their quantity, and the merchant reads to correct the stock."""
    lines = (Line("PIN", "Pin", 5000, 3), Line("MUG", "Mug", 2, 5))
    source = order(lines=lines, total=15010, payments=(Payment(15010),))
    made = assert_exact(source, MERCHANTS[0])
    assert [(row.name, row.sku, row.price) for row in made.rows] == [
        ("5000 × Pin", "", 15000), ("Mug", "MUG", 5), ("Mug", "MUG", 5),
    ]  # fmt: skip
    assert "correct the stock" in " ".join(notices(source, made, in_clover(made, 0, 0)))


def test_goods_by_weight() -> None:
    """Half a kilo is one row; the item is named where price × weight comes to the cent."""
    lines = (Line("TEA", "Tea", Decimal("0.5"), 999), Line("NUT", "Nuts", Decimal("2.5"), 40, total=101))
    made = assert_exact(order(lines=lines, total=601, payments=(Payment(601),)), MERCHANTS[1])
    assert [(row.name, row.sku, row.price, row.thousandths) for row in made.rows] == [
        ("0.5 × Tea", "TEA", 500, 500), ("2.5 × Nuts", "", 101, None),
    ]  # fmt: skip


def test_an_order_that_is_free() -> None:
    """It has rows of nothing and no payment, and counts as covered."""
    made = assert_exact(order(total=0, discounts=(Discount("ALL", 3499),), payments=()), MERCHANTS[0])
    assert (made.payments, made.is_free, made.is_covered) == ((), True, True)


def test_an_order_discount_of_more_than_the_goods() -> None:
    """The rest of it is taken off the shipping, as a price and not as rounding."""
    source = order(
        total=300, discounts=(Discount("ALL", 3699),), shipping=(Extra("Post", 500),), payments=(Payment(300),)
    )
    made = assert_exact(source, MERCHANTS[0])
    assert ([row.price for row in made.rows if row.name == "Post"], made.rounding) == ([300], 0)


def test_amounts_finer_than_the_currency() -> None:
    """Medusa's 53.964 is rounded once, and paid in full."""
    lines = (Line("MUG", "Mug", 1, Decimal("5396.4")),)
    source = order(lines=lines, total=5396, payments=(Payment(Decimal("5396.4")),))
    assert discrepancy(source, Decimal("5396.4")) is None
    made = charge(source, MERCHANTS[0])
    assert (made.total, made.paid) == (5396, 5396)


def test_cash_rounding_and_a_surcharge() -> None:
    """Rounding down is taken off a row, rounding up has a row of its own."""
    for rounding in (-2, 3):
        source = order(rounding=rounding, total=3499 + rounding, payments=(Payment(3499 + rounding),))
        assert discrepancy(source, source.total) is None
        assert assert_exact(source, MERCHANTS[0]).rounding == rounding


def test_a_total_far_below_its_parts_is_computed_in_a_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cents are taken off all rows at once: one computation a row would hold the service for a minute."""
    computed, compute = list[Cart](), totals.compute

    def counted(cart: Cart) -> totals.Totals:
        computed.append(cart)
        return compute(cart)

    monkeypatch.setattr(totals, "compute", counted)
    taxes = (Tax("VAT", Decimal(19), 456, included=False),)
    for each in (MERCHANTS[0], MERCHANTS[1]):
        source = order(
            lines=(Line("PIN", "Pin", 2400, 1),), taxes=taxes, rounding=-2356, total=500, payments=(Payment(500),)
        )
        assert discrepancy(source, 500) is None
        assert_exact(source, each)
        assert len(computed) < 10
        computed.clear()


def test_an_unpaid_and_a_part_paid_order() -> None:
    """They stay as unpaid as in the store."""
    assert assert_exact(order(payments=()), MERCHANTS[0]).payments == ()
    part = assert_exact(order(payments=(Payment(1000),)), MERCHANTS[0])
    assert (part.paid, part.is_covered) == (1000, False)


def test_a_total_that_was_lowered_by_a_refund() -> None:
    """Clover shows what was kept; what was given back of the total is the merchant's to refund at the till."""
    lowered = order(payments=(Payment(4000),), refunds=(Payment(501),))
    made = charge(lowered, MERCHANTS[0])
    assert made.paid == 3499
    assert ["more than the total" in each for each in notices(lowered, made, in_clover(made, 0, 0))] == [True]
    later = order(payments=(Payment(3499),), refunds=(Payment(500),))
    made = charge(later, MERCHANTS[0])
    [said] = notices(later, made, in_clover(made, 3499, 0))
    assert "refund $5.00 there" in said


def test_an_edit_that_costs_less_than_what_clover_shows_as_paid() -> None:
    """The sum left to give back is said once: as more than the total until the store refunds it, then as a refund."""
    source = order(total=2499, lines=(Line("MUG", "Mug", 2, 1249, total=2499),), payments=(Payment(3499),))
    made = charge(source, MERCHANTS[0])
    [kept] = notices(source, made, in_clover(made, 3499, 0))
    assert "$10.00 more than the total, in the store and in Clover" in kept
    unpaid = replace(source, payments=())
    assert in_clover(charge(unpaid, MERCHANTS[0]), 3499, 500) == InClover(3499, 500, tax=0)
    refunded = replace(source, refunds=(Payment(1000),))
    made = charge(refunded, MERCHANTS[0])
    [said] = notices(refunded, made, in_clover(made, 3499, 0))
    assert "refund $10.00 there" in said


def test_rates_that_do_not_exist_in_clover() -> None:
    """The tax is a row, the total exact, and a notice explains how to have it in the tax report."""
    taxes = (Tax("GST", Decimal("12.5"), 437, included=False),)
    source = order(taxes=taxes, total=3936, payments=(Payment(3936),))
    made = assert_exact(source, MERCHANTS[0])
    assert (made.rows[-1].name, made.rows[-1].price, made.tax, made.tax_removed) == ("Tax", 437, 0, True)
    assert "has no tax rates" in " ".join(notices(source, made, in_clover(made, 0, 0)))


def test_state_and_city_tax_are_two_rates_or_their_sum() -> None:
    """Each is named, or the merchant's one rate of both."""
    taxes = (Tax("State", Decimal(4), 140, included=False), Tax("City", Decimal("4.5"), 157, included=False))
    source = order(taxes=taxes, total=3796, payments=(Payment(3796),))
    both = assert_exact(source, MERCHANTS[0])
    assert {row.rates for row in both.rows} == {("R4", "R4.5")}
    one = assert_exact(source, MerchantTaxes(rates=(TaxRate("ALL", "Sales Tax", 850_000), NONE)))
    assert {row.rates for row in one.rows} <= {("ALL",), ()}
    assert one.named_rates


@given(
    st.lists(st.tuples(st.integers(1000, 20_000), st.sampled_from(["7", "19", ""])), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from(MERCHANTS[:2]),
)
def test_taxes_of_several_rates_that_are_known_only_for_the_order(
    sold: list[tuple[int, str]], included: bool, merchant: MerchantTaxes
) -> None:
    """Each is put on lines of its own, whose prices fit, so that Clover's tax report has every rate."""
    taxes = []
    for percent in ("19", "7"):
        base = sum(price for price, rate in sold if rate == percent)
        share = Decimal(percent) / (100 + int(percent) if included else 100)
        taxes += [Tax("", Decimal(percent), cents(base * share), included)] if base else []
    total = sum(price for price, _ in sold) + (0 if included else sum(int(each.amount) for each in taxes))
    lines = tuple(Line("", f"L{number}", 1, price) for number, (price, _) in enumerate(sold))
    source = order(lines=lines, taxes=tuple(taxes), total=total, payments=(Payment(total),))
    made = assert_exact(source, merchant)
    assert made.named_rates
    assert abs(made.tax - sum(int(each.amount) for each in taxes)) <= 2 + len(sold)


def test_taxes_that_fit_no_lines() -> None:
    """They are a row, and many lines cost no more time than few."""
    lines = tuple(Line("", f"L{number}", 1, 100 + 7 * number) for number in range(400))
    price = sum(int(each.price) for each in lines)
    taxes = (Tax("", Decimal(19), 5 * price, included=False), Tax("", Decimal(7), 3, included=False))
    total = 6 * price + 3
    made = assert_exact(order(lines=lines, taxes=taxes, total=total, payments=(Payment(total),)), MERCHANTS[0])
    assert (made.rows[-1].name, made.named_rates) == ("Tax", False)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"lines": (Line("A", "A", 9_999_999, 0),) * 300}, "lines"),
        ({"total": 10**12 + 1, "shipping": (Extra("Post", 10**12 - 3498),)}, "total"),
        ({"lines": (Line("A", "A", 1, 100, discounts=(Discount("", 101),)),)}, "lines.0.discounts"),
        ({"lines": (Line("A", "A", 1, 100, taxes=(Tax("", None, 101, included=True),)),)}, "lines.0.taxes"),
        ({"taxes": (Tax("", None, 3501, included=True),)}, "taxes"),
        ({"shipping": (Extra("Post", 5, (Discount("", 6),)),)}, "shipping.0.discounts"),
        ({"discounts": (Discount("", 3500),)}, "discounts"),
        ({"payments": (Payment(5),), "refunds": (Payment(7),)}, "refunds"),
        ({"taxes": (Tax("", Decimal("0.08875"), 311, included=False),)}, "taxes.0.rate"),
        (
            {"lines": (Line("A", "A", 1, 1190, taxes=(Tax("", Decimal("0.19"), 190, included=True),)),)},
            "lines.0.taxes.0.rate",
        ),
    ],
)
def test_amounts_that_no_order_has(changed: dict[str, Any], field: str) -> None:
    """Each is named by its field."""
    assert [name for name, _, _ in mistakes(order(**changed))] == [field]


def test_sums_that_differ_are_shown_with_their_terms() -> None:
    """A person sees what was counted, and with it what was counted twice."""
    source = replace(order(total=3600), discounts=(Discount("", 99),), shipping=(Extra("Post", 500),))
    assert discrepancy(source, 3600) == (
        "is 3600; lines 3499, discounts -99, shipping 500 come to 3900, which is $39.00"
    )


@pytest.mark.parametrize("included", [True, False])
@pytest.mark.parametrize("merchant", MERCHANTS[:2])
def test_a_tax_of_the_order_that_was_rounded_for_each_unit(merchant: MerchantTaxes, included: bool) -> None:
    """It is more than a few cents from its rate, which is named all the same."""
    share = Decimal(8) / (108 if included else 100)
    tax, reduced = 40 * cents(1333 * share), 30 * cents(888 * Decimal(19) / (119 if included else 100))
    assert abs(tax - 40 * 1333 * share) > 10
    taxes = (Tax("", Decimal(19), reduced, included), Tax("", Decimal(8), tax, included))
    total = 40 * 1333 + 30 * 888 + 500 + (0 if included else tax + reduced)
    lines = (Line("", "Mug", 40, 1333), Line("", "Book", 30, 888))
    source = order(lines=lines, shipping=(Extra("Post", 500),), taxes=taxes, total=total, payments=(Payment(total),))
    eight = replace(merchant, rates=(*merchant.rates, TaxRate("R8", "Tax 8", 800_000)))
    made = assert_exact(source, eight)
    assert made.named_rates
    assert [{row.rates for row in made.rows if row.name == name} for name in ("Mug", "Book", "Post")] == [
        {("R8",)}, {("R19",)}, {()},
    ]  # fmt: skip


def test_taxes_that_fit_nowhere_are_searched_for_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The choices multiply with each tax: with twenty, trying all of them would hold the service for hours."""
    looked = list[Tax]()

    def counted(tax: Tax, *others: Any) -> Any:
        looked.append(tax)
        return found(tax, *others)

    found = parts.candidates
    monkeypatch.setattr(parts, "candidates", counted)
    lines = tuple(Line("", "Pin", 1, 100 + number) for number in range(30))
    taxes = [Tax("", Decimal(70 + number) / 10, 7, included=False) for number in range(4)]  # on any pin
    unknown = Tax("", Decimal(1), 100_000, included=False)
    total = sum(each.price for each in lines) + 4 * 7 + 100_000
    source = order(lines=lines, taxes=(*taxes, unknown), total=total, payments=(Payment(total),))
    assert not charge(source, MERCHANTS[0]).named_rates
    assert len(looked) == 2 * parts.MOST_LOOKS  # rounded for each part, then for each unit


def test_taxes_of_nothing_are_no_taxes() -> None:
    """Stores list taxes of 0 on what is exempt; nothing is missing in Clover then."""
    lines = (Line("", "Mug", 2, 1250, taxes=(Tax("GST", Decimal(5), 0, included=False),)),)
    source = order(lines=lines, total=2500, payments=(Payment(2500),))
    made = assert_exact(source, MERCHANTS[0])
    assert list(notices(source, made, in_clover(made, 2500, 0))) == []


def test_a_refund_of_more_than_clover_has() -> None:
    """A marketplace also gives back the tax that it remits, which was never paid to the merchant."""
    source = order(payments=(Payment(3499),), refunds=(Payment(3799),))
    made = charge(source, MERCHANTS[0])
    [said] = notices(source, made, in_clover(made, 3499, 0))
    assert "refund $34.99 there" in said
