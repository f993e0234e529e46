"""The priced parts of an order, and the taxes on them, also those that are known only for the whole order."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from orders.domain.source import Amount, Discount, Tax, add

MOST_SUMS = 4096
"""Sums of parts that are looked at for each tax: all of those of a dozen parts."""
MOST_TRIES = 5
"""Choices of parts that are tried for each tax."""
MOST_LOOKS = 12
"""Searches for the parts of a tax, over all taxes of an order: the choices multiply with each of them."""

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


Tolerance = Callable[[Sequence[Part]], Decimal]
"""By how many minor units a tax on these parts may differ from its rate."""


def total_of(parts: Iterable[Discount | Tax]) -> Amount:
    """Return the sum of the amounts."""
    return add(each.amount for each in parts)


def added(taxes: Iterable[Tax]) -> Amount:
    """Return the sum of the taxes that prices do not contain."""
    return total_of(each for each in taxes if not each.included)


def taxed(taxes: Sequence[Tax], these: list[Part], *ends: int) -> list[Part]:
    """Put taxes that are known only for the whole order on its parts.

    They may all lie on the goods, on these and shipping, or on all: the first base counts whose taxes at these rates
    are those charged. Else each may lie on some parts alone, as with a reduced rate for books. All this is tried for
    taxes that were rounded for each part, then for each unit. If nothing fits, the parts stay without.
    """
    charged = [each for each in taxes if each.amount]
    if not charged or any(not each.rate for each in charged):
        return these
    for tolerance in (_rounded_per_part, _rounded_per_unit):
        for end in (*ends, len(these)):
            base = these[:end]
            if all(_is_tax_of(each, taxes, base, tolerance) for each in charged):
                return [*(replace(part, taxes=_shares(charged, part, base)) for part in base), *these[end:]]
        if found := _divided(charged, these, tolerance):
            return found
    return these


def _divided(charged: Sequence[Tax], these: list[Part], tolerance: Tolerance) -> list[Part] | None:
    """Give each tax parts of its own, whose prices together come near to its base; None without an answer.

    Which of several parts it is makes no difference to the sums, which are all that Clover's tax report shows.
    """
    priced = {number: part for number, part in enumerate(these) if part.price > 0}
    highest_first = sorted(charged, key=lambda each: each.rate or 0, reverse=True)
    found = _chosen(highest_first, priced, tolerance, iter(range(MOST_LOOKS)))
    if found is None:
        return None
    divided = list(these)
    for tax, numbers in found:
        base = [these[number] for number in numbers]
        for number in numbers:
            divided[number] = replace(these[number], taxes=_shares([tax], these[number], base))
    return divided


def _chosen(
    taxes: Sequence[Tax], parts: dict[int, Part], tolerance: Tolerance, looks: Iterator[int]
) -> list[tuple[Tax, Numbers]] | None:
    """Return the numbers of the parts for each tax; None when they do not suffice, or no looks are left."""
    if not taxes:
        return []
    if next(looks, None) is None:
        return None
    for numbers in candidates(taxes[0], parts, tolerance):
        others = {number: part for number, part in parts.items() if number not in numbers}
        if (found := _chosen(taxes[1:], others, tolerance, looks)) is not None:
            return [(taxes[0], numbers), *found]
    return None


def candidates(tax: Tax, parts: dict[int, Part], tolerance: Tolerance) -> Iterator[Numbers]:
    """Yield the parts that the tax may lie on, the nearest sums first, of as many sums as are looked at."""
    share = _share(tax)
    base = round(tax.amount / share)
    most = base + tolerance([*parts.values()]) / share
    sums: dict[int, Numbers] = {0: ()}
    for number, part in parts.items():
        if len(sums) >= MOST_SUMS:
            break
        price = round(part.price)  # a fraction of a minor unit is far within the tolerance
        for before, numbers in list(sums.items()):
            if before + price <= most:
                sums.setdefault(before + price, (*numbers, number))
    for near in heapq.nsmallest(MOST_TRIES, (each for each in sums if each), key=lambda each: abs(each - base)):
        if abs(near - base) * share <= tolerance([parts[number] for number in sums[near]]):
            yield sums[near]


def _share(tax: Tax) -> Decimal:
    """Return the tax on a price of 1: contained in it, or added to it."""
    rate = (tax.rate or Decimal(0)) / 100
    return rate / (1 + rate) if tax.included else rate


def _is_tax_of(tax: Tax, taxes: Sequence[Tax], base: Sequence[Part], tolerance: Tolerance) -> bool:
    price = add(each.price for each in base) - (total_of(taxes) if tax.included else 0)
    return abs(Decimal(price) * (tax.rate or 0) / 100 - tax.amount) <= tolerance(base)


def _rounded_per_part(base: Sequence[Part]) -> Decimal:
    """Return by how many minor units a tax may differ that was rounded for each part."""
    return 1 + Decimal(len(base)) / 2


def _rounded_per_unit(base: Sequence[Part]) -> Decimal:
    """Return by how many minor units a tax may differ that was rounded for each unit and multiplied."""
    return 1 + Decimal(add(max(each.quantity, 1) for each in base)) / 2


def _shares(taxes: Sequence[Tax], part: Part, base: Sequence[Part]) -> tuple[Tax, ...]:
    everything = Decimal(add(each.price for each in base)) or Decimal(1)
    return tuple(replace(each, amount=Decimal(each.amount) * Decimal(part.price) / everything) for each in taxes)
