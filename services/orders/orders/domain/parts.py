"""The priced parts of an order, and the taxes on them, also those that are known only for the whole order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from orders.domain.source import Amount, Discount, Tax, add

MOST_SUMS = 4096
"""Sums of parts that are looked at for each tax: all of those of a dozen parts."""
MOST_TRIES = 5
"""Choices of parts that are tried for each tax."""

Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """A line, a shipping or a fee at its price after all discounts, as the source prices it."""

    name: str
    sku: str
    quantity: Amount
    price: Amount
    taxes: tuple[Tax, ...]

    @property
    def net(self) -> Amount:
        """The price without the taxes that it contains."""
        return self.price - total_of(each for each in self.taxes if each.included)

    @property
    def gross(self) -> Amount:
        """The price with all taxes."""
        return self.price + added(self.taxes)


def total_of(parts: Iterable[Discount | Tax]) -> Amount:
    """Return the sum of the amounts."""
    return add(each.amount for each in parts)


def added(taxes: Iterable[Tax]) -> Amount:
    """Return the sum of the taxes that prices do not contain."""
    return total_of(each for each in taxes if not each.included)


def taxed(taxes: Sequence[Tax], these: list[Part], *ends: int) -> list[Part]:
    """Put taxes that are known only for the whole order on its parts.

    They may all lie on the goods, on these and shipping, or on all: the first base counts whose taxes at these rates
    are those charged. Else each may lie on some parts alone, as with a reduced rate for books. If nothing fits, the
    parts stay without.
    """
    charged = [each for each in taxes if each.amount]
    if not charged or any(not each.rate for each in charged):
        return these
    for end in (*ends, len(these)):
        base = these[:end]
        if all(_is_tax_of(each, taxes, base) for each in charged):
            return [*(replace(part, taxes=_shares(charged, part, base)) for part in base), *these[end:]]
    return _divided(charged, these)


def _divided(charged: Sequence[Tax], these: list[Part]) -> list[Part]:
    """Give each tax parts of its own, whose prices together come near to its base; without an answer, give none.

    Which of several parts it is makes no difference to the sums, which are all that Clover's tax report shows.
    """
    priced = {number: part for number, part in enumerate(these) if part.price > 0}
    found = _chosen(sorted(charged, key=lambda each: each.rate or 0, reverse=True), priced) or []
    divided = list(these)
    for tax, numbers in found:
        base = [these[number] for number in numbers]
        for number in numbers:
            divided[number] = replace(these[number], taxes=_shares([tax], these[number], base))
    return divided


def _chosen(taxes: Sequence[Tax], parts: dict[int, Part]) -> list[tuple[Tax, Numbers]] | None:
    """Return the numbers of the parts for each tax; None when they do not suffice."""
    if not taxes:
        return []
    for numbers in _candidates(taxes[0], parts):
        others = {number: part for number, part in parts.items() if number not in numbers}
        if (found := _chosen(taxes[1:], others)) is not None:
            return [(taxes[0], numbers), *found]
    return None


def _candidates(tax: Tax, parts: dict[int, Part]) -> list[Numbers]:
    """Return the parts that the tax may lie on, the nearest sums first, of as many sums as are looked at."""
    sums: dict[Decimal, Numbers] = {Decimal(0): ()}
    for number, part in parts.items():
        if len(sums) >= MOST_SUMS:
            break
        for price, numbers in list(sums.items()):
            sums.setdefault(price + Decimal(part.price), (*numbers, number))
    share, base = _share(tax), _base(tax)
    near = [
        (abs(price - base), numbers)
        for price, numbers in sums.items()
        if numbers and abs(price - base) * share <= _tolerance(numbers)
    ]
    return [numbers for _, numbers in sorted(near)[:MOST_TRIES]]


def _base(tax: Tax) -> Decimal:
    return Decimal(tax.amount) / _share(tax)


def _share(tax: Tax) -> Decimal:
    """Return the tax on a price of 1: contained in it, or added to it."""
    rate = (tax.rate or Decimal(0)) / 100
    return rate / (1 + rate) if tax.included else rate


def _is_tax_of(tax: Tax, taxes: Sequence[Tax], base: Sequence[Part]) -> bool:
    price = add(each.price for each in base) - (total_of(taxes) if tax.included else 0)
    return abs(Decimal(price) * (tax.rate or 0) / 100 - tax.amount) <= _tolerance(base)


def _tolerance(base: Sequence[object]) -> Decimal:
    """Return by how many minor units a tax may differ that was rounded for each part."""
    return 1 + Decimal(len(base)) / 2


def _shares(taxes: Sequence[Tax], part: Part, base: Sequence[Part]) -> tuple[Tax, ...]:
    everything = Decimal(add(each.price for each in base)) or Decimal(1)
    return tuple(replace(each, amount=Decimal(each.amount) * Decimal(part.price) / everything) for each in taxes)
