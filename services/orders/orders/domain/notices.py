"""What a merchant should know of an order in Clover: how it differs from the store's, and what is left to do."""

from collections.abc import Iterator

from common.money import format_money
from orders.domain import sums
from orders.domain.charge import MOST_ROWS, Charge
from orders.domain.source import Source, add
from orders.domain.sums import whole


def tax(source: Source) -> int:
    """Return the tax that the source charged, contained in prices or added to them."""
    inside = (tax for each in source.priced for tax in each.taxes)
    return whole(sums.total_of(source.taxes or inside))


def to_refund(source: Source, charge: Charge, recorded: int) -> int:
    """Return by how much the payments in Clover, of which `recorded` were sent, exceed what the store kept.

    A store that lowers the total by what it gives back may have done so before the order came to Clover, or after.
    """
    in_clover = max(charge.paid, recorded) + charge.tip
    kept = paid_in_store(source) - whole(add(each.amount for each in source.refunds))
    return max(in_clover - kept, 0)


def paid_in_store(source: Source) -> int:
    """Return what the source received."""
    return source.total if source.payments is None else whole(add(each.amount for each in source.payments))


def overpaid(source: Source) -> int:
    """Return by how much the payments exceed the total."""
    return max(paid_in_store(source) - source.total, 0)


def notices(source: Source, charge: Charge, recorded: int = 0) -> Iterator[str]:
    """Yield what the merchant should know of an order of whose payments `recorded` are in Clover, in minor units."""

    def money(amount: int) -> str:
        return format_money(amount, source.currency)

    if not charge.named_rates:
        yield (
            "Clover has no tax rates that fit the taxes of this order, so that Clover's tax report does not show its "
            f"tax of {money(tax(source))}. The total is exact. Create the rates in Clover under Taxes & Fees, "
            "and the next orders use them."
        )
    elif (ours := tax(source)) != charge.tax:
        yield f"The store charged {money(ours)} of tax; Clover calculates {money(charge.tax)} within the same total."
    if charge.rounding:
        yield f"A rounding of {money(charge.rounding)} makes the total exactly that of the store."
    if source.units > MOST_ROWS - 1:
        yield (
            f"The order has {source.units} units, more than Clover takes. Its largest lines are one row each, such as "
            "“100 × Mug”, without their Clover item: please correct the stock of these items yourself."
        )
    if refund := to_refund(source, charge, recorded):
        yield (
            f"The store gave back {money(refund)} that Clover shows as paid. No app can refund in Clover: to have it "
            f"shown there, open the order at the till and refund {money(refund)} there as External Payment."
        )
    if over := overpaid(source):
        yield f"The payments are {money(over)} more than the total; Clover gets only what the order costs."
