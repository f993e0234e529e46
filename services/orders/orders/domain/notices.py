"""What a merchant should know of an order in Clover: how it differs from the store's, and what is left to do."""

from collections.abc import Iterator

from common import messages
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
    texts = messages.for_locale()

    def money(amount: int) -> str:
        return texts.money(amount, source.currency)

    if not charge.named_rates:
        yield texts.text("notice.no_tax_rates", tax=money(tax(source)))
    elif (ours := tax(source)) != charge.tax:
        yield texts.text("notice.tax", store=money(ours), clover=money(charge.tax))
    if charge.rounding:
        yield texts.text("notice.rounding", amount=money(charge.rounding))
    if source.units > MOST_ROWS - 1:
        yield texts.text("notice.many_units", units=source.units)
    if refund := to_refund(source, charge, recorded):
        yield texts.text("notice.refund", amount=money(refund))
    over = overpaid(source)
    if over and recorded <= charge.paid:
        yield texts.text("notice.overpaid", amount=money(over))
    elif (rest := over - whole(add(each.amount for each in source.refunds))) > 0:
        yield texts.text("notice.overpaid_in_clover", amount=money(rest))  # an edit leaves the payments in Clover
