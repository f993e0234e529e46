"""The rows and payments that an order is written as: a device that recalculates them finds what the source charged.

No total that is written to Clover stays: a device that opens an order computes it anew. Percentages and discounts of an
order would be rounded otherwise than in the source, so every row carries its final amount (docs/totals.md).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property, lru_cache
from hashlib import blake2s
from itertools import chain

from orders.domain import sums, totals
from orders.domain.carts import Cart
from orders.domain.carts import Line as CartLine
from orders.domain.carts import Rate as CartRate
from orders.domain.source import Amount, Payment, Source, add, clipped, is_whole
from orders.domain.sums import Part, whole, wholes
from orders.domain.taxes import MerchantTaxes

MOST_ROWS = 2500
"""The rows that Clover takes in one order, one per unit. Its pages say 2,500 and 3,000 (documented)."""
ROUNDING, TAX, TIP = "Rounding", "Tax", "Tip"
MOST_ROUNDING = 10
"""Minor units, beside one per row, that rounding explains. Beyond it, rates do not describe the taxes of the source."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the order in Clover, worth `price`. `thousandths` is the quantity of goods that are sold by weight."""

    name: str
    sku: str
    price: int
    rates: tuple[str, ...] = ()
    thousandths: int | None = None
    unit_price: int | None = None
    id: str = ""


@dataclass(frozen=True)
class PlannedPayment:
    """A payment to record, in minor units. `tax` is its part of the order's tax, in `amount`; the tip is not."""

    amount: int
    tip: int = 0
    tax: int = 0
    name: str = ""


@dataclass(frozen=True)
class Charge:
    """An order as it is written to Clover. `total` and `tax` are those that a device computes from the rows.

    `rounding` is what the rows differ by from the source's prices: a row of its own, or cents taken off another.
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


@lru_cache(maxsize=256)
def charge(source: Source, merchant: MerchantTaxes) -> Charge:
    """Return the rows and payments for an order of this merchant."""
    tip = whole(source.tip) if _can_carry(source) else 0
    due = source.total - tip
    drafts = list(_drafts(source, merchant, with_tip_row=not tip))
    draft = next((each for each in drafts if _is_near(each, due - whole(source.rounding))), drafts[-1])
    final = _exact(draft, due)
    rounding, payments = due - draft.totals.total, _payments(source, tip, due, final.totals.tax)
    total, tax = final.totals.total, final.totals.tax
    return Charge(_with_ids(final.rows), payments, total, tax, draft.tax_removed, rounding, draft.named)


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
        yield _Draft(_rows(priced, [*ids, *_none(tax_row), *_none(tips)]), False, True, merchant, knows_rates)
        return
    if knows_rates and any(ids):
        priced = [(each, each.net) for each in (*parts, *tips)]
        yield _Draft(_rows(priced, [*ids, *_none(tips)]), False, False, merchant, named=True)
    tax_row = _tax_part(loose + add(sums.added(each.taxes) for each in parts))
    priced = [(each, each.price) for each in (*parts, *tax_row, *tips)]
    untaxed = not any(each.taxes for each in parts) and not source.taxes
    yield _Draft(_rows(priced, [()] * len(priced)), True, False, merchant, named=untaxed)


def _tax_part(tax: Amount) -> list[Part]:
    return [Part(TAX, "", 1, tax, ())] if whole(tax) > 0 else []


def _none(parts: Sequence[Part]) -> list[tuple[str, ...]]:
    return [()] * len(parts)


def _rows(priced: Sequence[tuple[Part, Amount]], ids: Sequence[tuple[str, ...]]) -> list[Row]:
    """Return one row per unit, or one for a whole line where there would be more than Clover takes."""
    amounts = wholes(amount for _, amount in priced)
    units = [int(part.quantity) if is_whole(part.quantity) else 1 for part, _ in priced]
    single = _single(units)
    return list(
        chain.from_iterable(
            _units(part, max(amount, 0), rates, count if number not in single else 1)
            for number, ((part, _), amount, rates, count) in enumerate(zip(priced, amounts, ids, units, strict=True))
        )
    )


def _single(units: Sequence[int]) -> set[int]:
    """Return the numbers of the lines that go as one row each, the largest first, so that all fit."""
    single, count = set[int](), sum(units)
    for number in sorted(range(len(units)), key=lambda each: -units[each]):
        if count <= MOST_ROWS - 1:  # one row may be added for rounding
            break
        single.add(number)
        count -= units[number] - 1
    return single


def _units(part: Part, amount: int, rates: tuple[str, ...], count: int) -> list[Row]:
    """Spread an amount over the rows of a line; the first ones take the cents that are left over."""
    if count == 1 and part.quantity != 1:
        return [_of_many(part, amount, rates)]
    low, rest = divmod(amount, count)
    row = Row(clipped(part.name), part.sku, low, rates)
    return [*[replace(row, price=low + 1)] * rest, *[row] * (count - rest)]


def _of_many(part: Part, amount: int, rates: tuple[str, ...]) -> Row:
    """Return one row for several units, named "100 × Mug". By weight it can be the item, if its price is exact."""
    quantity = Decimal(part.quantity)
    name, thousandths = clipped(f"{quantity.normalize():f} × {part.name}"), quantity * 1000
    price = whole(amount / quantity)
    if not is_whole(quantity) and is_whole(thousandths) and whole(price * quantity) == amount:
        return Row(name, part.sku, amount, rates, int(thousandths), price)
    return Row(name, "", amount, rates)


def _is_near(draft: _Draft, due: int) -> bool:
    return abs(draft.totals.total - due) <= MOST_ROUNDING + len(draft.rows)


def _exact(draft: _Draft, due: int) -> _Draft:
    """Return the draft changed so that a device computes exactly what is due."""
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


def _can_carry(source: Source) -> bool:
    """Return whether a payment can carry the tip, as in Clover: the order is paid, and one payment is larger."""
    paid = _paid(source)
    return bool(source.tip) and sum(paid) >= source.total and max(paid, default=0) > whole(source.tip)


def _paid(source: Source) -> list[int]:
    """Return what was paid by each payment in whole minor units, together not more than the total."""
    given = source.payments if source.payments is not None else (Payment(source.total),)
    exact = add(each.amount for each in given)
    amounts = list(wholes(each.amount for each in given))
    if amounts and abs(Decimal(exact) - source.total) < 1:
        amounts[-1] += source.total - sum(amounts)
    left, paid = source.total, list[int]()
    for amount in amounts:
        paid.append(min(amount, left))
        left -= paid[-1]
    return paid


def _payments(source: Source, tip: int, due: int, tax: int) -> tuple[PlannedPayment, ...]:
    paid = _paid(source)
    names = [each.name for each in source.payments] if source.payments is not None else [""] * len(paid)
    carrier = paid.index(max(paid)) if tip else -1
    amounts = [amount - (tip if number == carrier else 0) for number, amount in enumerate(paid)]
    taxes = wholes(Decimal(tax) * amount / due if due else 0 for amount in amounts)
    return tuple(
        PlannedPayment(amount, tip if number == carrier else 0, part, name)
        for number, (amount, part, name) in enumerate(zip(amounts, taxes, names, strict=True))
        if amount > 0
    )


def _with_ids(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Give each row an id by what it is, so that a row that an edit leaves alone keeps its id."""
    seen: Counter[str] = Counter()
    named = []
    digests: dict[int, str] = {}  # units of a line share their row
    for row in rows:
        digest = digests.get(id(row)) or digests.setdefault(id(row), _digest(row))
        seen[digest] += 1
        named.append(replace(row, id=f"{digest}-{seen[digest]}"))
    return tuple(named)


def _digest(row: Row) -> str:
    said = "\n".join(map(str, (row.name, row.sku, row.price, row.rates, row.thousandths)))
    return blake2s(said.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
