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


def refunded(source: Source) -> int:
    """Return what was refunded of payments that the order in Clover shows.

    A store that lowers the total by what it gives back has payments above the total; that part never gets to Clover.
    """
    return max(whole(add(each.amount for each in source.refunds)) - overpaid(source), 0)


def paid_in_store(source: Source) -> int:
    """Return what the source received."""
    return source.total if source.payments is None else whole(add(each.amount for each in source.payments))


def overpaid(source: Source) -> int:
    """Return by how much the payments exceed the total."""
    return max(paid_in_store(source) - source.total, 0)


def notices(source: Source, charge: Charge) -> Iterator[str]:
    """Yield what the merchant should know."""

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
    if refund := refunded(source):
        yield (
            f"The store refunded {money(refund)}. Clover lets no app refund: if Clover should show it, open the order "
            f"at the till and refund {money(refund)} there as External Payment."
        )
    if over := overpaid(source):
        yield f"The payments are {money(over)} more than the total; Clover shows only what the order costs."
