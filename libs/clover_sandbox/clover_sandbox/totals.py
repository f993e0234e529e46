"""Computes the total of an order by Clover's published algorithm (documented: docs/calculating-order-totals)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

RATE_SCALE = 10_000_000
PERCENT_DECIMAL_SCALE = 1_000_000
UNIT_SCALE = 1_000


@dataclass(frozen=True)
class Discount:
    """A fraction of the sum (0.25 is 25 %) or a negative amount in cents."""

    part: Fraction = Fraction(0)
    amount: int = 0


@dataclass(frozen=True)
class Rate:
    """A tax rate object. A `rate` of 10,000,000 is 100 %."""

    id: str
    rate: int


@dataclass(frozen=True)
class Line:
    """One line. `price` is in cents and includes modifications; `units` is in thousandths for items sold per unit."""

    price: int
    units: int | None = None
    discounts: tuple[Discount, ...] = ()
    rates: tuple[Rate, ...] = ()

    def gross(self) -> Fraction:
        """Return the price of the line before discounts."""
        return Fraction(self.price) if self.units is None else Fraction(self.price * self.units, UNIT_SCALE)


@dataclass(frozen=True)
class Totals:
    """Amounts in cents. `taxes` maps rate ids to the tax in the total; VAT is already in the prices."""

    subtotal: int
    service_charge: int
    taxes: Mapping[str, int]
    total: int

    @property
    def tax(self) -> int:
        """Return the sum of the taxes."""
        return sum(self.taxes.values())


def discounts_of(rows: Iterable[dict[str, int]]) -> tuple[Discount, ...]:
    """Convert the API's discounts. percentageDecimal has precedence over percentage (documented)."""
    return tuple(_discount(row) for row in rows)


def part_of(row: dict[str, int]) -> Fraction:
    """Return a percentage row as a fraction. percentageDecimal is percent times 10,000 (documented)."""
    if row.get("percentageDecimal") is not None:
        return Fraction(row["percentageDecimal"], PERCENT_DECIMAL_SCALE)
    return Fraction(row.get("percentage", 0), 100)


def compute(
    lines: Sequence[Line],
    discounts: Sequence[Discount] = (),
    *,
    service_part: Fraction = Fraction(0),
    tax_removed: bool = False,
    vat: bool = False,
    may_be_negative: bool = False,
) -> Totals:
    """Apply line discounts, order discounts, the service charge on the rest, and tax per rate object; then sum."""
    nets = [_cut(line.gross(), line.discounts) for line in lines]
    nets = _spread(nets, discounts)
    if not may_be_negative:
        nets = [max(net, Fraction(0)) for net in nets]
    subtotal = half_up(sum(nets, Fraction(0)))
    charge = half_up(subtotal * service_part)
    taxes = {} if tax_removed else _taxes(lines, nets, vat=vat)
    return Totals(subtotal, charge, taxes, subtotal + charge + (0 if vat else sum(taxes.values())))


def half_up(value: Fraction) -> int:
    """Round to a whole cent, half away from zero."""
    rounded = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return rounded if value >= 0 else -rounded


def _discount(row: dict[str, int]) -> Discount:
    part = part_of(row)
    return Discount(part=part) if part else Discount(amount=row.get("amount", 0))


def _cut(gross: Fraction, discounts: Sequence[Discount]) -> Fraction:
    """Apply percentages first, each on the full amount, then amounts."""
    cut = gross * (1 - sum((each.part for each in discounts), Fraction(0)))
    return cut + sum(each.amount for each in discounts)


def _spread(nets: list[Fraction], discounts: Sequence[Discount]) -> list[Fraction]:
    """Spread order discounts over the lines by their share. Rounding leftovers stay in the sum."""
    before = sum(nets, Fraction(0))
    if not discounts or before == 0:
        return nets
    after = _cut(before, discounts)
    return [net * after / before for net in nets]


def _taxes(lines: Sequence[Line], nets: Sequence[Fraction], *, vat: bool) -> dict[str, int]:
    taxed: dict[str, Fraction] = {}
    for line, net in zip(lines, nets, strict=True):
        inside = 1 + sum((Fraction(rate.rate, RATE_SCALE) for rate in line.rates), Fraction(0)) if vat else Fraction(1)
        for rate in line.rates:
            taxed[rate.id] = taxed.get(rate.id, Fraction(0)) + net / inside * Fraction(rate.rate, RATE_SCALE)
    return {rate_id: half_up(amount) for rate_id, amount in taxed.items()}
