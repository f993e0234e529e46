"""Odd orders, as the API reads them: each comes to exactly its total in Clover, or is refused with both sums."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.unit.orders.test_charge import KNOWN, recalculated

from common.money import exponent
from orders.api.requests import OrderInput
from orders.domain.charge import Charge, charge
from orders.domain.mistakes import mistakes
from orders.domain.notices import in_clover, notices
from orders.domain.obstacles import is_too_large
from orders.domain.rows import MOST_ROWS
from orders.domain.source import Payment, Source
from orders.domain.sums import discrepancy
from orders.domain.taxes import MerchantTaxes

MERCHANTS = [MerchantTaxes(vat, rates) for vat in (False, True) for rates in (KNOWN, ())]
PERCENTS = ["19", "7", "8.875", "4.5", "12.5"]

currencies = st.sampled_from(["USD", "EUR", "JPY", "KWD"])
quantities = st.one_of(
    st.integers(1, 400).map(str), st.integers(1, 20_000).map(lambda thousandths: f"{thousandths / 1000:.3f}")
)


def decimals(most: int, finest: int = 4) -> st.SearchStrategy[Decimal]:
    """Amounts of the currency with some decimals; nothing, and halves of a cent, are frequent."""
    digits = st.integers(0, finest).flatmap(
        lambda places: st.integers(0, most * 10**places).map(lambda n: Decimal(n).scaleb(-places))
    )
    return st.one_of(digits, st.just(Decimal(0)), st.integers(0, most * 100).map(lambda n: Decimal(2 * n + 1) / 200))


@dataclass
class Parts:
    """Draws the parts of one order, and adds up what they come to."""

    draw: st.DrawFn
    includes_tax: bool
    sum: Decimal = Decimal(0)

    def taxes(self, price: Decimal) -> list[dict[str, Any]]:
        percent = self.draw(st.sampled_from(["", *PERCENTS]))
        if not percent or price <= 0:
            return []
        rate = Decimal(percent) / 100
        part = rate / (1 + rate) if self.includes_tax else rate
        tax = (price * part).quantize(Decimal(self.draw(st.sampled_from(["1e-8", "0.01"]))))
        self.sum += Decimal(0) if self.includes_tax else tax
        return [{"rate": percent, "amount": text(min(tax, price))}]

    def line(self) -> dict[str, Any]:
        quantity, unit = self.draw(quantities), self.draw(decimals(300))
        price = (Decimal(quantity) * unit).quantize(Decimal("1e-8"))
        discount = self.draw(st.sampled_from([Decimal(0), price, price / 2, price / 3])).quantize(Decimal("1e-8"))
        self.sum += price - discount
        return {
            "sku": self.draw(st.sampled_from(["", "MUG"])),
            "name": "Thing",
            "quantity": quantity,
            "total": text(price),
            "discounts": [{"amount": text(discount)}],
            "taxes": self.taxes(price - discount),
        }

    def surcharge(self, lowest: int) -> dict[str, Any]:
        """A fee, or shipping."""
        amount = self.draw(st.one_of(decimals(40), st.just(Decimal(lowest))))
        self.sum += amount
        return {"name": "Extra", "amount": text(amount), "taxes": self.taxes(amount)}

    def amounts(self, most: int, sign: int) -> list[dict[str, Any]]:
        """One discount or tip, or none."""
        amount = self.draw(st.one_of(st.just(Decimal(0)), decimals(most)))
        self.sum += sign * amount
        return [{"amount": text(amount)}] if amount else []


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Bodies of orders whose parts come to their total, or miss it, or are below zero somewhere."""
    parts = Parts(draw, draw(st.booleans()))
    body: dict[str, Any] = {
        "number": "1",
        "currency": draw(currencies),
        "prices_include_tax": parts.includes_tax,
        "lines": [parts.line() for _ in range(draw(st.integers(1, 4)))],
        "fees": [parts.surcharge(-1) for _ in range(draw(st.integers(0, 2)))],
        "shipping": [parts.surcharge(0) for _ in range(draw(st.integers(0, 1)))],
        "discounts": parts.amounts(20, -1),
        "tips": parts.amounts(30, 1),
    }
    exact = max(parts.sum + draw(st.sampled_from([0, 0, 0, 1])), Decimal(0))
    total = exact.quantize(Decimal(1).scaleb(-exponent(body["currency"])), ROUND_HALF_UP)
    body["total"] = text(total)
    paid = draw(st.sampled_from([None, None, Decimal(0), Decimal(1), Decimal("0.5")]))
    return body if paid is None else body | {"payments": [{"amount": text(total * paid)}]}


def text(amount: Decimal) -> str:
    return f"{amount:.8f}"


def accepted(body: dict[str, Any]) -> Source | None:
    """The order as the API takes it; None when it is refused, with both sums where these are the reason."""
    try:
        given = OrderInput.model_validate(body)
    except ValidationError:
        given = None
    assert (given is None) == any(Decimal(each["amount"]) < 0 for each in body["fees"])
    if given is None:
        return None
    source = given.source()
    if wrong := discrepancy(source, given.exact_total):
        assert wrong.startswith(f"is {given.exact_total}")
        assert "come to" in wrong
        return None
    return None if list(mistakes(source)) else source


def assert_exact(source: Source, made: Charge, merchant: MerchantTaxes) -> None:
    """Assert that a device computes what is due, and that as much is paid as in the store."""
    shown = recalculated(made, merchant)
    assert (shown.total, shown.tax) == (made.total, made.tax)
    assert made.total + made.tip == source.total
    assert all(row.price >= 0 for row in made.rows)
    assert len(made.rows) <= MOST_ROWS or is_too_large(source)
    given = (Payment(source.total),) if source.payments is None else source.payments
    paid = sum((Decimal(each.amount) for each in given), Decimal(0))
    recorded = sum(each.amount + each.tip for each in made.payments)
    assert abs(recorded - min(Decimal(source.total), paid)) < 1
    assert all(each.amount > 0 for each in made.payments)
    assert made.is_covered == (recorded >= source.total)
    list(notices(source, made, in_clover(made, 0, 0)))


@given(bodies(), st.sampled_from(MERCHANTS))
def test_an_odd_order_is_exact_or_refused(body: dict[str, Any], merchant: MerchantTaxes) -> None:
    """Free goods, discounts of everything, halves of a cent, thousandths of a unit, yen and dinars."""
    source = accepted(body)
    if source is None:
        return
    made = charge(source, merchant.needed_by(source))
    assert made == charge(source, merchant)
    assert_exact(source, made, merchant)
