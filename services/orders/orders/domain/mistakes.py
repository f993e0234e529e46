"""Amounts that no order has: each with its field, the fault and the remedy."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from orders.domain.parts import total_of
from orders.domain.source import MOST_TOTAL, MOST_UNITS, Amount, Extra, Line, Source, Tax, add
from orders.domain.sums import SLACK, own_price

Mistake = tuple[str, str, str]

_EACH_ONCE = "Send discounts as positive amounts, each once and on what it reduces."
_NOT_INCLUDED = "Send `included: false`, or `prices_include_tax: false`, if the tax comes on top."


def mistakes(source: Source) -> Iterator[Mistake]:
    """Yield the field, the fault and the remedy of amounts that no order has."""
    if source.total > MOST_TOTAL:
        yield "total", f"is {source.total} minor units", f"Send a total of at most {MOST_TOTAL} minor units."
    if source.units > MOST_UNITS:
        yield "lines", f"have {source.units} units in all", f"Send at most {MOST_UNITS} units in one order."
    named: dict[str, Sequence[Line | Extra]] = {"lines": source.lines, "shipping": source.shipping, "fees": source.fees}
    for name, these in named.items():
        yield from _of_parts(name, these)
    yield from _of_whole(source, add(own_price(each) for each in source.priced))


def _of_parts(name: str, these: Sequence[Line | Extra]) -> Iterator[Mistake]:
    for number, each in enumerate(these):
        if (price := own_price(each)) < 0:
            yield f"{name}.{number}.discounts", f"take off more than the price, {-price} too much", _EACH_ONCE
        elif total_of(tax for tax in each.taxes if tax.included) > price:
            yield f"{name}.{number}.taxes", f"are more than the price of {price} that includes them", _NOT_INCLUDED
        yield from _fractions(f"{name}.{number}.taxes", each.taxes, price)


def _of_whole(source: Source, everything: Amount) -> Iterator[Mistake]:
    discount = total_of(source.discounts)
    if discount > max(everything, 0):
        yield "discounts", f"take off more than everything costs, which is {everything}", _EACH_ONCE
    if total_of(each for each in source.taxes if each.included) > everything + SLACK:
        yield "taxes", f"are more than the prices that include them, {everything}", _NOT_INCLUDED
    yield from _fractions("taxes", source.taxes, everything - discount)
    paid = add(each.amount for each in source.payments or ())
    given_back = add(each.amount for each in source.refunds)
    if source.payments is not None and given_back > paid + SLACK:
        remedy = "Send every payment, and what was refunded of them."
        yield "refunds", f"are {given_back}, only {paid} were paid", remedy


def _fractions(field: str, taxes: Sequence[Tax], price: Amount) -> Iterator[Mistake]:
    """Yield the rates that are evidently fractions of 1, as some stores write them: 0.19 for 19 %."""
    for number, tax in enumerate(taxes):
        net, rate = Decimal(price) - (tax.amount if tax.included else 0), tax.rate or Decimal(1)
        is_much_more = rate < 1 and tax.amount > 10 * net * rate / 100 + SLACK
        if is_much_more and abs(net * rate - tax.amount) <= 1 + net / 100:
            percent = (100 * rate).normalize()
            yield f"{field}.{number}.rate", "is in percent; the tax is a hundred times as much", f"Send `{percent:f}`."
