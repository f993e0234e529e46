"""The arithmetic of a source order: its parts, their sum, and amounts divided without losing a cent."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from common.money import format_money
from orders.domain.parts import Part, added, taxed, total_of
from orders.domain.source import Amount, Extra, Line, Source, add

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
    goods = [Part(each.name, each.sku, each.quantity, own_price(each), each.taxes) for each in source.lines]
    extras = [Part(each.name, "", 1, own_price(each), each.taxes) for each in (*source.shipping, *source.fees)]
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


def _terms(source: Source) -> list[tuple[str, Amount]]:
    """Return the parts of the total, by the name of the field; discounts are negative."""
    inside = [tax for each in source.priced for tax in each.taxes]
    others: list[tuple[str, Amount]] = [
        ("discounts", -total_of(source.discounts)),
        ("shipping", add(own_price(each) for each in source.shipping)),
        ("fees", add(own_price(each) for each in source.fees)),
        ("added taxes", added(source.taxes) if source.taxes else added(inside)),
        ("tips", source.tip),
        ("rounding", source.rounding),
    ]
    lines: Amount = add(own_price(each) for each in source.lines)
    return [("lines", lines), *((name, amount) for name, amount in others if amount)]


def own_price(priced: Line | Extra) -> Amount:
    """Return the price after the discounts of the part itself."""
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
