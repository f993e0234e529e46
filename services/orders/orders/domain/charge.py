"""The rows and payments that an order is written as: a device that recalculates them finds the source's charge.

No total that is written to Clover stays: a device that opens an order computes it anew. Percentages and discounts of an
order would be rounded otherwise than in the source, so every row carries its final amount (docs/totals.md).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import chain

from orders.domain import payments, sums, totals
from orders.domain.carts import Cart
from orders.domain.carts import Line as CartLine
from orders.domain.carts import Rate as CartRate
from orders.domain.parts import Part, added
from orders.domain.payments import PlannedPayment, can_carry_tip
from orders.domain.rows import Row, spread, with_ids
from orders.domain.source import Amount, Source, add
from orders.domain.sums import whole
from orders.domain.taxes import MerchantTaxes

ROUNDING, TAX, TIP = "Rounding", "Tax", "Tip"
MOST_ROUNDING = 10
"""Minor units, beside one per row, that rounding explains. Beyond it, rates do not describe the taxes of the source."""


@dataclass(frozen=True)
class Charge:
    """An order as it is written to Clover. `total` and `tax` are those that a device computes from the rows.

    `rounding` is the difference of the rows from the source's prices: a row of its own, or cents taken off another.
    """

    rows: tuple[Row, ...]
    payments: tuple[PlannedPayment, ...]
    total: int
    tax: int
    tax_removed: bool
    rounding: int = 0
    named_rates: bool = True

    @property
    def price(self) -> int | None:
        """The sum of the prices of the rows; None with goods by weight, which Clover may show by their unit price."""
        by_weight = any(each.thousandths for each in self.rows)
        return None if by_weight else sum(each.price for each in self.rows)

    @property
    def paid(self) -> int:
        """The sum of the payments without tips."""
        return sum(each.amount for each in self.payments)

    @property
    def tip(self) -> int:
        """The sum of the tips on the payments."""
        return sum(each.tip for each in self.payments)

    @property
    def is_free(self) -> bool:
        return self.total == 0

    @property
    def is_covered(self) -> bool:
        """Whether the payments cover the total."""
        return self.paid >= self.total


@dataclass(frozen=True)
class _Draft:
    """Rows before they are made exact."""

    rows: list[Row]
    tax_removed: bool
    vat: bool
    rates: MerchantTaxes
    named: bool

    @cached_property
    def totals(self) -> totals.Totals:
        return totals.compute(cart(self.rows, self.rates, tax_removed=self.tax_removed))


@lru_cache(maxsize=64)
def charge(source: Source, merchant: MerchantTaxes) -> Charge:
    """Return the rows and payments for an order of this merchant."""
    tip = whole(source.tip) if can_carry_tip(source) else 0
    due = source.total - tip
    drafts = list(_drafts(source, merchant, with_tip_row=not tip))
    draft = next((each for each in drafts if _is_near(each, due - whole(source.rounding))), drafts[-1])
    final = _exact(draft, due)
    total, tax = final.totals.total, final.totals.tax
    planned, rounding = payments.planned(source, tip, due, tax), due - draft.totals.total
    return Charge(with_ids(final.rows), planned, total, tax, draft.tax_removed, rounding, draft.named)


def cart(rows: Iterable[Row], merchant: MerchantTaxes, *, tax_removed: bool) -> Cart:
    """Return the rows as Clover's arithmetic sees them."""
    rates = {each.id: CartRate(id=each.id, rate=each.rate) for each in merchant.rates}
    counted = Counter((each.price, each.rates) for each in rows)
    lines = tuple(
        CartLine(price=price, rows=count, tax_rates=tuple(rates[each] for each in ids))
        for (price, ids), count in counted.items()
    )
    return Cart(name="order", vat=merchant.vat, tax_removed=tax_removed, lines=lines)


def _drafts(source: Source, merchant: MerchantTaxes, *, with_tip_row: bool) -> Iterator[_Draft]:
    """Return the ways to write the order, the best first: with its rates, else with its tax as a row."""
    parts = sums.parts(source)
    fitting = [merchant.fitting(each.taxes) for each in parts]
    loose = sums.loose_tax(source, parts)
    tips = [Part(TIP, "", 1, source.tip, ())] if with_tip_row and source.tip else []
    knows_rates = all(each is not None for each in fitting) and abs(Decimal(loose)) <= MOST_ROUNDING + len(parts)
    ids = [each or () for each in fitting] if knows_rates else [()] * len(parts)
    if merchant.vat:
        tax_row = [] if knows_rates else _tax_part(loose)
        priced = [(each, each.gross) for each in (*parts, *tax_row, *tips)]
        yield _Draft(spread(priced, [*ids, *_none(tax_row), *_none(tips)]), False, True, merchant, knows_rates)
        return
    if knows_rates and any(ids):
        priced = [(each, each.net) for each in (*parts, *tips)]
        yield _Draft(spread(priced, [*ids, *_none(tips)]), False, False, merchant, named=True)
    tax_row = _tax_part(loose + add(added(each.taxes) for each in parts))
    priced = [(each, each.price) for each in (*parts, *tax_row, *tips)]
    charged = (each.amount for each in chain(source.taxes, *(each.taxes for each in parts)))
    untaxed = not any(charged)  # stores list taxes of 0 on exempt goods
    yield _Draft(spread(priced, [()] * len(priced)), True, False, merchant, named=untaxed)


def _tax_part(tax: Amount) -> list[Part]:
    return [Part(TAX, "", 1, tax, ())] if whole(tax) > 0 else []


def _none(parts: Sequence[Part]) -> list[tuple[str, ...]]:
    return [()] * len(parts)


def _is_near(draft: _Draft, due: int) -> bool:
    return abs(draft.totals.total - due) <= MOST_ROUNDING + len(draft.rows)


def _exact(draft: _Draft, due: int) -> _Draft:
    """Return the draft changed so that a device computes exactly the amount due."""
    while (over := draft.totals.total - due) > 0:
        draft = replace(draft, rows=_cut(draft.rows, over))
    return replace(draft, rows=[*draft.rows, Row(ROUNDING, "", -over)]) if over else draft


def _cut(rows: list[Row], over: int) -> list[Row]:
    """Take cents off an untaxed row, else off the most expensive ones: Clover counts a negative row as 0."""
    cut = list(rows)
    ways = sorted(
        range(len(rows)),
        key=lambda each: (rows[each].price >= over and not rows[each].rates, rows[each].price),
        reverse=True,
    )
    for number in ways:
        taken = min(over, cut[number].price)
        if not taken:
            break
        cut[number] = replace(cut[number], price=cut[number].price - taken, thousandths=None, unit_price=None)
        over -= taken
    if cut == rows:
        raise ValueError("an order cannot cost less than nothing")
    return cut
