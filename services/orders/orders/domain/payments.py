"""The payments to record in Clover for those that the source received."""

from dataclasses import dataclass
from decimal import Decimal

from orders.domain.source import Payment, Source, add
from orders.domain.sums import whole, wholes


@dataclass(frozen=True)
class PlannedPayment:
    """A payment to record, in minor units. `tax` is its part of the order's tax, in `amount`; the tip is not."""

    amount: int
    tip: int = 0
    tax: int = 0
    name: str = ""


def can_carry_tip(source: Source) -> bool:
    """Return whether a payment can carry the tip, as in Clover: the order is paid, and one payment is larger."""
    paid = _paid(source)
    return bool(source.tip) and sum(paid) >= source.total and max(paid, default=0) > whole(source.tip)


def _paid(source: Source) -> list[int]:
    """Return the amount of each payment in whole minor units, together not more than the total."""
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


def planned(source: Source, tip: int, due: int, tax: int) -> tuple[PlannedPayment, ...]:
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
