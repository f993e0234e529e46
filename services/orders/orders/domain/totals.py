"""Clover's order arithmetic: the totals that a device shows for a cart. docs/totals.md has the rules by number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

from orders.domain.carts import Adjustment, Cart, Line, Rate

EXACT = Context(prec=200, rounding=ROUND_HALF_UP)
"""Amounts have up to 64 bits, so products and sums of them keep every digit; halves round away from zero."""
SEVEN_DECIMALS = Decimal("1e-7")
CENT = Decimal(1)


@dataclass(frozen=True)
class Totals:
    """`discount` is the part that all discounts take off; `tax` is in `total`, contained or added."""

    before_discounts: int
    line_totals: list[int]
    subtotal: int
    discount: int
    tax: int
    tax_by_rate: dict[str, int]
    service_charge: int
    total: int
    total_before_refunds: int
    tip: int
    total_with_tip: int


@dataclass(frozen=True)
class Row:
    """A line of equal rows with the price of one before (`gross`) and after (`net`) its own discounts."""

    line: Line
    gross: int
    net: int


def compute(cart: Cart) -> Totals:
    """Compute the totals of a cart as a device does that opens the order."""
    with localcontext(EXACT):
        rows = [_row(line, manual=cart.manual) for line in cart.lines if line.rows]
        sold = [row for row in rows if not row.line.exchanged]
        kept = [row for row in sold if not row.line.refunded]
        # Rule 7: refunded rows keep their share of an order discount, so the factor is that of all sold rows.
        factor = _kept_by_order_discounts(_net(_goods(sold)), cart.discounts)
        before, subtotal, taxes = _gross(_goods(kept)), _subtotal(kept, factor), _taxes(cart, kept, factor)
        total, tip = _total(cart, kept, factor), sum(cart.tips)
        return Totals(
            before_discounts=before,
            line_totals=[total for row in rows for total in [_counted(row)] * row.line.rows],
            subtotal=subtotal,
            discount=before - subtotal,
            tax=sum(taxes.values()),
            tax_by_rate=taxes,
            service_charge=cents(subtotal * cart.service_charge.fraction),
            total=total,
            total_before_refunds=_total(cart, sold, factor),
            tip=tip,
            total_with_tip=total + tip,
        )


def shares(cart: Cart) -> list[int]:
    """Return the value of each row after all discounts, so that the sum of all is the subtotal.

    A refunded row keeps its share, so that nothing moves between rows by a refund. Exchanged rows have none. Order fees
    have no share of the discounts.
    """
    with localcontext(EXACT):
        rows = [_row(line, manual=cart.manual) for line in cart.lines if line.rows]
        sold = [row for row in rows if not row.line.exchanged]
        factor = _kept_by_order_discounts(_net(_goods(sold)), cart.discounts)
        until, found = 0, list[int]()
        for row in rows:
            for _ in range(row.line.rows):
                worth = 0 if row.line.exchanged else row.net
                discounted = 0 if row.line.is_order_fee else worth
                found.append(cents((until + discounted) * factor) - cents(until * factor) + worth - discounted)
                until += discounted
        return found


def cents(amount: Decimal) -> int:
    """Round to a whole minor unit, half away from zero."""
    return int(amount.quantize(CENT, ROUND_HALF_UP, EXACT))


def _row(line: Line, *, manual: bool) -> Row:
    # Rule 1: the price by weight is rounded per row, and modifications are added once.
    price = line.price if line.unit_qty is None else cents(line.price * Decimal(line.unit_qty).scaleb(-3))
    if manual and price < 0:
        return Row(line, price, price)  # rule 8: neither modifications nor discounts count
    gross = max(price, 0) + max(sum(line.modifications), 0)
    # Rule 3: a row is never worth less than 0. Rule 9: an order fee has no discounts.
    return Row(line, gross, gross if line.is_order_fee else max(gross - _discount(gross, line.discounts), 0))


def _discount(price: int, discounts: Iterable[Adjustment]) -> int:
    """Return the sum of all discounts: each percentage of the price is rounded by itself (rule 2)."""
    percentages = sum(cents(price * min(max(each.fraction, Decimal(0)), Decimal(1))) for each in discounts)
    return percentages - min(sum(each.amount for each in discounts), 0)


def _kept_by_order_discounts(price: int, discounts: Sequence[Adjustment]) -> Decimal:
    """Return the factor by which order discounts multiply every row. It has seven decimals (rule 4)."""
    if price <= 0:
        return Decimal(1)  # rule 8
    kept = max(price - _discount(price, discounts), 0)
    return (Decimal(kept) / price).quantize(SEVEN_DECIMALS)


def _total(cart: Cart, rows: Sequence[Row], factor: Decimal) -> int:
    subtotal = _subtotal(rows, factor)
    charge = cents(subtotal * cart.service_charge.fraction)
    charges = sum(cents(subtotal * each.fraction) + each.amount for each in cart.additional_charges)
    fees = _net(row for row in rows if row.line.is_order_fee)
    tax = 0 if cart.vat else sum(_taxes(cart, rows, factor).values())
    return subtotal + charge + charges + fees + tax


def _subtotal(rows: Iterable[Row], factor: Decimal) -> int:
    return cents(_net(_goods(rows)) * factor)


def _taxes(cart: Cart, rows: Iterable[Row], factor: Decimal) -> dict[str, int]:
    """Return the tax by rate id. Rows are grouped by that id, and the first row's rate counts (rule 4)."""
    goods = [] if cart.tax_removed else _goods(rows)
    rates = {rate.id: rate for row in reversed(goods) for rate in reversed(row.line.tax_rates)}
    groups = {key: [row for row in goods if any(rate.id == key for rate in row.line.tax_rates)] for key in rates}
    # Rule 6: if a row has two rates, a VAT merchant's rows are taxed as those of others, from their net prices.
    if cart.vat and not any(len(row.line.tax_rates) > 1 for row in goods):
        return {key: _contained_tax(rates[key], groups[key], factor) for key in sorted(rates)}
    if cart.vat:
        groups = {key: [_without_taxes(row) for row in group] for key, group in groups.items()}
    return {key: _added_tax(rates[key], groups[key], factor) for key in sorted(rates)}


def _added_tax(rate: Rate, rows: Sequence[Row], factor: Decimal) -> int:
    """Tax the rounded base of a group. A flat tax counts rows only (rule 5)."""
    return cents(cents(_net(rows) * factor) * rate.fraction) + rate.flat * _count(rows)


def _contained_tax(rate: Rate, rows: Sequence[Row], factor: Decimal) -> int:
    return cents(cents(_net(rows) * factor) * rate.fraction / (1 + rate.fraction)) + rate.flat * _count(rows)


def _without_taxes(row: Row) -> Row:
    """Return the row at its rounded price without tax. Flat taxes are taken off first (rule 6)."""
    flat = sum(rate.flat for rate in row.line.tax_rates)
    taxed = row.net - flat if row.net < 0 else max(row.net - flat, 0)
    fraction = sum((rate.fraction for rate in row.line.tax_rates), Decimal(0))
    return Row(row.line, row.gross, cents(taxed / (1 + fraction)))


def _goods(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if not row.line.is_order_fee]


def _counted(row: Row) -> int:
    return 0 if row.line.exchanged or row.line.refunded else row.net


def _count(rows: Iterable[Row]) -> int:
    return sum(row.line.rows for row in rows)


def _gross(rows: Iterable[Row]) -> int:
    return sum(row.gross * row.line.rows for row in rows)


def _net(rows: Iterable[Row]) -> int:
    return sum(row.net * row.line.rows for row in rows)
