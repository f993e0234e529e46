"""Computes the totals of an order as Clover's own calculator does. docs/totals.md has the rules by number."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

WHOLE_PART = 1_000_000
"""100 % in the unit of percentageDecimal."""
WHOLE_RATE = 10_000_000
"""100 % in the unit of a tax rate."""
WHOLE_FACTOR = 10_000_000
"""Clover keeps seven decimals of the factor that order discounts leave (rule 4)."""
UNIT = 1_000


@dataclass(frozen=True)
class Discount:
    """A part of the price in millionths, an amount in cents (negative), or both."""

    part: int = 0
    amount: int = 0


@dataclass(frozen=True)
class Rate:
    """A tax rate object. A `rate` of 10,000,000 is 100 %; `amount` is a flat tax in cents if the rate is 0."""

    id: str
    rate: int = 0
    amount: int = 0


@dataclass(frozen=True)
class Line:
    """One row of an order. `units` is in thousandths for items sold per unit; money is in cents."""

    price: int
    units: int | None = None
    modifications: Sequence[int] = ()
    discounts: Sequence[Discount] = ()
    rates: Sequence[Rate] = ()
    refunded: bool = False
    exchanged: bool = False
    fee: bool = False


@dataclass(frozen=True)
class Sale:
    """An order as the calculator sees it. A charge is a part of the subtotal, a fixed amount, or both."""

    lines: Sequence[Line]
    discounts: Sequence[Discount] = ()
    service_part: int = 0
    charges: Sequence[Discount] = ()
    tips: Sequence[int] = ()
    vat: bool = False
    tax_removed: bool = False
    manual: bool = False


@dataclass(frozen=True)
class Totals:
    """Amounts in cents. `taxes` maps rate ids to the tax in the total; VAT is already in the prices."""

    before_discounts: int
    line_totals: Sequence[int]
    subtotal: int
    service_charge: int
    taxes: Mapping[str, int]
    total: int
    total_before_refunds: int
    tip: int

    @property
    def tax(self) -> int:
        """Return the sum of the taxes."""
        return sum(self.taxes.values())


@dataclass
class _Row:
    line: Line
    full: int
    worth: int


@dataclass
class _Group:
    rate: Rate
    base: int = 0
    rows: int = 0


@dataclass
class _Sums:
    subtotal: int
    service_charge: int
    taxes: dict[str, int] = field(default_factory=dict)
    total: int = 0


def compute(sale: Sale) -> Totals:
    """Compute every amount of an order."""
    rows = [_row(line, manual=sale.manual) for line in sale.lines]
    # Rule 7: refunded rows still take their share of the order discounts, exchanged rows never did.
    sold = [row for row in rows if not row.line.exchanged]
    kept = [row for row in sold if not row.line.refunded]
    factor = _factor(sum(row.worth for row in sold if not row.line.fee), sale.discounts)
    sums = _sums(sale, kept, factor)
    return Totals(
        before_discounts=sum(row.full for row in kept if not row.line.fee),
        line_totals=[0 if row.line.exchanged or row.line.refunded else row.worth for row in rows],
        subtotal=sums.subtotal,
        service_charge=sums.service_charge,
        taxes=sums.taxes,
        total=sums.total,
        total_before_refunds=_sums(sale, sold, factor).total,
        tip=sum(sale.tips),
    )


def discounts_of(rows: Iterable[Mapping[str, int]]) -> tuple[Discount, ...]:
    """Convert the API's discounts."""
    return tuple(Discount(part_of(row), row.get("amount", 0)) for row in rows)


def part_of(row: Mapping[str, int]) -> int:
    """Return a percentage row in millionths. percentageDecimal has precedence, even if it is 0 (rule 2)."""
    decimal = row.get("percentageDecimal")
    return row.get("percentage", 0) * (WHOLE_PART // 100) if decimal is None else decimal


def half_up(numerator: int, denominator: int) -> int:
    """Divide and round to a whole cent, half away from zero."""
    rounded = (2 * abs(numerator) + denominator) // (2 * denominator)
    return rounded if numerator >= 0 else -rounded


def _row(line: Line, *, manual: bool) -> _Row:
    price = line.price if line.units is None else half_up(line.price * line.units, UNIT)
    if price < 0 and manual:
        return _Row(line, price, price)  # rule 8: its modifications and discounts are ignored
    full = max(0, price) + max(0, sum(line.modifications))
    return _Row(line, full, full if line.fee else max(0, full - _taken_off(full, line.discounts)))


def _taken_off(full: int, discounts: Sequence[Discount]) -> int:
    """Return the cents of all discounts: each percentage is rounded by itself, amounts are summed (rule 2)."""
    parts = (half_up(full * min(max(0, each.part), WHOLE_PART), WHOLE_PART) for each in discounts)
    return sum(parts) + max(0, -sum(each.amount for each in discounts))


def _factor(worth: int, discounts: Sequence[Discount]) -> int:
    """Return the share of each row that order discounts leave, in ten-millionths."""
    if worth <= 0:
        return WHOLE_FACTOR  # rule 8: a sum of 0 or less ignores order discounts
    return half_up(max(0, worth - _taken_off(worth, discounts)) * WHOLE_FACTOR, worth)


def _sums(sale: Sale, rows: Sequence[_Row], factor: int) -> _Sums:
    goods = [row for row in rows if not row.line.fee]
    subtotal = half_up(sum(row.worth for row in goods) * factor, WHOLE_FACTOR)
    charge = half_up(subtotal * sale.service_part, WHOLE_PART)
    extra = sum(half_up(subtotal * each.part, WHOLE_PART) + each.amount for each in sale.charges)
    fees = sum(row.worth for row in rows if row.line.fee)
    taxes = {} if sale.tax_removed else _taxes(goods, factor, vat=sale.vat)
    added = 0 if sale.vat else sum(taxes.values())
    return _Sums(subtotal, charge, taxes, subtotal + charge + extra + fees + added)


def _taxes(rows: Sequence[_Row], factor: int, *, vat: bool) -> dict[str, int]:
    # Rule 6: one row with two rates makes a VAT merchant's calculator tax the rounded net of every row.
    by_row = vat and any(len(row.line.rates) > 1 for row in rows)
    groups: dict[str, _Group] = {}
    for row in rows:
        for rate in row.line.rates:
            groups.setdefault(rate.id, _Group(rate))
        for rate_id in {rate.id for rate in row.line.rates}:
            groups[rate_id].base += _net(row) if by_row else row.worth
            groups[rate_id].rows += 1
    inside = vat and not by_row
    return {rate_id: _tax(groups[rate_id], factor, inside=inside) for rate_id in sorted(groups)}


def _net(row: _Row) -> int:
    """Return the row's price without its contained taxes. A flat tax is taken off before the percentages (rule 6)."""
    flat = sum(rate.amount for rate in row.line.rates if not rate.rate)
    left = row.worth - flat if row.worth < 0 else max(0, row.worth - flat)
    return half_up(left * WHOLE_RATE, WHOLE_RATE + sum(rate.rate for rate in row.line.rates))


def _tax(group: _Group, factor: int, *, inside: bool) -> int:
    if not group.rate.rate:
        return group.rate.amount * group.rows  # rule 5: a flat tax counts rows
    base = half_up(group.base * factor, WHOLE_FACTOR)
    return half_up(base * group.rate.rate, WHOLE_RATE + (group.rate.rate if inside else 0))
