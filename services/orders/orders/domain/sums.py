"""The arithmetic of a source order: its parts, what they come to, and amounts divided without losing a cent."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from common.money import format_money
from orders.domain.parts import Part, added, taxed, total_of
from orders.domain.source import MOST_TOTAL, MOST_UNITS, Amount, Extra, Line, Source, add

_NOT_INCLUDED = "Send `included: false`, or `prices_include_tax: false`, if the tax comes on top."

SLACK = 1
"""Amounts finer than the minor unit may miss the total by less than one; whole ones must meet it."""


def whole(amount: Amount) -> int:
    """Round to a whole minor unit, half away from zero."""
    return int(Decimal(amount).quantize(Decimal(1), ROUND_HALF_UP))


def wholes(amounts: Iterable[Amount]) -> Iterator[int]:
    """Round amounts so that their sum is the rounded sum: each takes over the fraction that the one before left."""
    exact: Amount = 0
    given = 0
    for amount in amounts:
        exact += amount
        yield (now := whole(exact)) - given
        given = now


def parts(source: Source) -> list[Part]:
    """Return lines, shipping and fees at their final prices; the taxes of the order are on parts where that fits."""
    goods = [Part(each.name, each.sku, each.quantity, _own_price(each), each.taxes) for each in source.lines]
    extras = [Part(each.name, "", 1, _own_price(each), each.taxes) for each in (*source.shipping, *source.fees)]
    discount = total_of(source.discounts)
    left = max(discount - add(each.price for each in goods), 0)
    priced = [*_reduced(goods, discount - left), *_reduced(extras, left)]
    if source.taxes and not any(each.taxes for each in priced):
        return taxed(source.taxes, priced, len(source.lines), len(source.lines) + len(source.shipping))
    return priced


def loose_tax(source: Source, of: Sequence[Part]) -> Amount:
    """Return the added tax of the order beyond that of its parts, which may be negative."""
    return added(source.taxes) - add(added(each.taxes) for each in of) if source.taxes else 0


def discrepancy(source: Source, total: Amount) -> str | None:
    """Explain that the order does not come to its total, with both sums; None when it does."""
    terms = _terms(source)
    ours = add(amount for _, amount in terms)
    if abs(Decimal(ours) - total) < SLACK:  # zero, if all amounts are whole
        return None
    if len(terms) == 1:
        return f"is {total}, the lines come to {ours}"
    said = ", ".join(f"{name} {amount}" for name, amount in terms)
    return f"is {total}; {said} come to {ours}, which is {format_money(whole(ours), source.currency)}"


def mistakes(source: Source) -> Iterator[tuple[str, str, str]]:
    """Yield the field, the fault and the remedy of amounts that no order has."""
    remedy = "Send discounts as positive amounts, each once and on what it reduces."
    if source.total > MOST_TOTAL:
        yield "total", f"is {source.total} minor units", f"Send a total of at most {MOST_TOTAL} minor units."
    if source.units > MOST_UNITS:
        yield "lines", f"have {source.units} units in all", f"Send at most {MOST_UNITS} units in one order."
    named: list[tuple[str, Sequence[Line | Extra]]] = [
        ("lines", source.lines),
        ("shipping", source.shipping),
        ("fees", source.fees),
    ]
    for name, these in named:
        for number, each in enumerate(these):
            if (price := _own_price(each)) < 0:
                yield f"{name}.{number}.discounts", f"take off more than the price, {-price} too much", remedy
            elif total_of(tax for tax in each.taxes if tax.included) > price:
                yield f"{name}.{number}.taxes", f"are more than the price of {price} that includes them", _NOT_INCLUDED
    everything = add(_own_price(each) for _, these in named for each in these)
    if total_of(source.discounts) > max(everything, 0):
        yield "discounts", f"take off more than everything costs, which is {everything}", remedy
    if total_of(each for each in source.taxes if each.included) > everything + SLACK:
        yield "taxes", f"are more than the prices that include them, {everything}", _NOT_INCLUDED
    paid = add(each.amount for each in source.payments or ())
    given_back = add(each.amount for each in source.refunds)
    if source.payments is not None and given_back > paid + SLACK:
        yield (
            "refunds",
            f"are {given_back}, only {paid} were paid",
            "Send every payment, and what was refunded of them.",
        )


def _terms(source: Source) -> list[tuple[str, Amount]]:
    """Return what the total consists of, by the name of the field; discounts are negative."""
    inside = [tax for each in source.priced for tax in each.taxes]
    others: list[tuple[str, Amount]] = [
        ("discounts", -total_of(source.discounts)),
        ("shipping", add(_own_price(each) for each in source.shipping)),
        ("fees", add(_own_price(each) for each in source.fees)),
        ("added taxes", added(source.taxes) if source.taxes else added(inside)),
        ("tips", source.tip),
        ("rounding", source.rounding),
    ]
    lines: Amount = add(_own_price(each) for each in source.lines)
    return [("lines", lines), *((name, amount) for name, amount in others if amount)]


def _own_price(priced: Line | Extra) -> Amount:
    price = priced.price if isinstance(priced, Line) else priced.amount
    return price - total_of(priced.discounts)


def _reduced(these: Sequence[Part], discount: Amount) -> list[Part]:
    """Take a discount off these parts, each by its share of their price."""
    everything = add(each.price for each in these)
    if not discount or not everything:
        return list(these)
    left, reduced = discount, list[Part]()
    for each in these:
        share = Decimal(discount) * Decimal(each.price) / Decimal(everything)
        taken: Amount = left if each is these[-1] else min(share, Decimal(left))
        left -= taken
        reduced.append(replace(each, price=each.price - taken))
    return reduced
