"""Notices for the merchant about an order in Clover: how it differs from the store's, and the steps left to do."""

from collections.abc import Iterator
from dataclasses import dataclass

from common import messages
from orders.domain.charge import Charge
from orders.domain.parts import total_of
from orders.domain.rows import MOST_ROWS
from orders.domain.source import Source, add
from orders.domain.sums import whole


def tax(source: Source) -> int:
    """Return the tax that the source charged, contained in prices or added to them."""
    inside = (tax for each in source.priced for tax in each.taxes)
    return whole(total_of(source.taxes or inside))


@dataclass(frozen=True)
class InClover:
    """The payments, tips and tax in Clover. Payments are recorded, or planned before that; nothing lowers them."""

    paid: int
    tip: int
    tax: int


def in_clover(charge: Charge, paid: int, tip: int, tax: int | None = None) -> InClover:
    """Return the amount in Clover of an order of which this much was recorded; `tax` if it is not the planned one."""
    is_complete = paid > 0 and paid >= charge.paid
    return InClover(max(charge.paid, paid), tip if is_complete else charge.tip, charge.tax if tax is None else tax)


def to_refund(source: Source, there: InClover) -> int:
    """Return by how much the payments in Clover exceed those that the store kept.

    A store that lowers the total by its refunds may have done so before the order came to Clover, or after.
    Tax that a marketplace remits is no payment here, but may be part of its refunds.
    """
    kept = max(paid_in_store(source) - whole(add(each.amount for each in source.refunds)), 0)
    return max(there.paid + there.tip - kept, 0)


def paid_in_store(source: Source) -> int:
    """Return the sum that the source received."""
    return source.total if source.payments is None else whole(add(each.amount for each in source.payments))


def overpaid(source: Source) -> int:
    """Return by how much the payments exceed the total."""
    return max(paid_in_store(source) - source.total, 0)


def notices(source: Source, charge: Charge, there: InClover) -> Iterator[str]:
    """Yield the notices about an order with these payments in Clover."""
    texts = messages.for_locale()

    def money(amount: int) -> str:
        return texts.money(amount, source.currency)

    if not charge.named_rates and there.tax == charge.tax:
        yield texts.text("notice.no_tax_rates", tax=money(tax(source)))
    elif (ours := tax(source)) != there.tax:
        yield texts.text("notice.tax", store=money(ours), clover=money(there.tax))
    if charge.rounding:
        yield texts.text("notice.rounding", amount=money(charge.rounding))
    if source.units > MOST_ROWS - 1:
        yield texts.text("notice.many_units", units=source.units)
    if (missing_tip := charge.tip - there.tip) > 0:
        yield texts.text("notice.tip", amount=money(missing_tip))
    if refund := to_refund(source, there):
        yield texts.text("notice.refund", amount=money(refund))
    over = overpaid(source)
    if over and there.paid + there.tip <= charge.paid + charge.tip:
        yield texts.text("notice.overpaid", amount=money(over))
    elif (rest := over - whole(add(each.amount for each in source.refunds))) > 0:
        yield texts.text("notice.overpaid_in_clover", amount=money(rest))  # an edit leaves the payments in Clover
