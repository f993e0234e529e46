"""The published part of a sale: the difference between the goods that count as sold now and those published before."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from common.contracts.orders import ReturnCause
from orders.domain.sales import Counted, Money, Part, Parts, Published, Row, Sale


@dataclass(frozen=True)
class Line:
    """A line of an event: the part of a row that was sold or returned."""

    id: str
    item_id: str | None
    quantity: int
    amount: int
    cause: ReturnCause | None = None


@dataclass(frozen=True)
class Movement:
    """Goods and money that moved in one direction. `amount` has the added tax and no tips."""

    amount: int = 0
    lines: tuple[Line, ...] = ()
    added_tax: int = 0
    contained_tax: int = 0
    tips: int = 0

    @property
    def other(self) -> int:
        """The money besides the lines and their tax: charges, fees, cash rounding, or money without goods.

        It is negative when goods returned in exchange pay for the lines.
        """
        return self.amount - sum(line.amount for line in self.lines) - self.added_tax

    def portions(self, most: int) -> Iterator["Movement"]:
        """Yield it in parts of at most `most` lines, each with the money for its lines as far as money moved."""
        later = [self.lines[start : start + most] for start in range(most, len(self.lines), most)]
        prices = [sum(line.amount for line in lines) for lines in later]
        paid = prices if sum(prices) <= self.amount else [0] * len(prices)
        if self:
            yield replace(self, amount=self.amount - sum(paid), lines=self.lines[:most])
        yield from (Movement(amount, lines) for amount, lines in zip(paid, later, strict=True))

    def __bool__(self) -> bool:
        return bool(self.amount or self.lines or self.added_tax or self.contained_tax or self.tips)


@dataclass(frozen=True)
class Change:
    """The events to publish of a sale now, and the state published afterwards.

    `id` is the sale's: that of its order, or of a credit; `order_id` is the one that events name.
    """

    id: str
    order_id: str
    currency: str
    parts: Parts
    modified_at: datetime
    sold: Movement
    returned: Movement
    sold_at: datetime
    returned_at: datetime


def decide(sale: Sale, published: Published | None, since: datetime) -> Change | None:
    """Return the events to publish of the sale, or None when there are none.

    A sale of which nothing was published counts from `since`, when we began to watch: anything before is known to
    every channel by its own means, and is noted without an event.
    """
    before = published.parts if published else _before(sale, since)
    if published and sale.modified_at < published.modified_at:  # a list that lags behind shows an older state
        return None
    if sale.is_deleted:
        after: Parts = {}
    elif sale.is_paid:
        after = _parts(sale)
    elif published and sale.paid >= published.paid:  # more was put on a paid order; it counts once it is paid
        return None
    else:
        after = {}
    if after == before and (published or not after):
        return None
    return Change(
        sale.id,
        sale.credited or sale.id,
        sale.currency,
        after,
        sale.modified_at,
        sold=_movement(before, after, 1, {}),
        returned=_movement(before, after, -1, {row.id: row.cause for row in sale.rows if row.cause}),
        sold_at=_latest(sale.payments, sale.modified_at),
        returned_at=_latest(sale.refunds, sale.modified_at),
    )


def deleted(order_id: str, currency: str, published: Published, at: datetime) -> Sale:
    """Return the sale of an order that was deleted in Clover."""
    return Sale(order_id, currency, max(at, published.modified_at), is_deleted=True)


def _parts(sale: Sale) -> Parts:
    return _of(sale, [row for row in sale.rows if row.cause is None], sale.refunds)


def _of(sale: Sale, rows: Iterable[Row], refunds: Iterable[Money], *, tax_before: int = 0) -> Parts:
    """Return the parts of the sale with these rows and refunds. `tax_before` is that of rows that do not count now."""
    lines = {(Counted.LINE, row.id): _part(row) for row in rows}
    amounts = {
        **{(Counted.PAYMENT, each.id): each.amount for each in sale.payments},
        **{(Counted.REFUND, each.id): -each.amount for each in refunds},
        **{(Counted.TIP, each.id): each.tip for each in sale.payments},
        **{(Counted.TIP, each.id): -each.tip for each in refunds},
        (Counted.ADDED_TAX, sale.id): sale.added_tax + (0 if sale.contained_tax else tax_before),
        (Counted.CONTAINED_TAX, sale.id): sale.contained_tax + (tax_before if sale.contained_tax else 0),
    }
    return lines | {key: Part(0, amount) for key, amount in amounts.items() if amount}


def _part(row: Row) -> Part:
    return Part(row.quantity, row.amount, row.item_id)


def _before(sale: Sale, since: datetime) -> Parts:
    """Return the parts of a sale that was paid before `since`, as they were then."""
    if sale.is_credit:
        return _parts(sale) if sale.modified_at < since else {}
    payments = [each for each in sale.payments if each.at < since]
    if not (sale.is_paid and payments):
        return {}
    refunds = [each for each in sale.refunds if each.at < since]
    returned = {row_id for each in refunds for row_id in each.rows}
    # Clover gives an exchange no time of its own, but the row that came in place of the old one has one.
    exchanges_are_new = any(row.created_at >= since for row in sale.rows)
    rows = [
        row
        for row in sale.rows
        if row.created_at < since
        and row.id not in returned
        and (row.cause is not ReturnCause.EXCHANGED or exchanges_are_new)
    ]
    if len(payments) < len(sale.payments) and _sum(payments) < sum(row.amount for row in rows):
        return {}  # it was a tab with a deposit
    tax_since = sum(each.tax for each in sale.payments if each.at >= since)
    tax_before = sum(each.tax for each in sale.refunds if each.at >= since) - tax_since
    return _of(replace(sale, payments=tuple(payments)), rows, refunds, tax_before=tax_before)


def _movement(before: Parts, after: Parts, sign: int, causes: Mapping[str, ReturnCause]) -> Movement:
    """Return the movements in one direction: the rises of all parts, or with a `sign` of -1 their falls."""
    amounts, lines = dict.fromkeys(Counted, 0), []
    for key in {**after, **before}:  # in the sequence of Clover's rows
        old, new = before.get(key, Part(0, 0)), after.get(key, Part(0, 0))
        quantity, money = max(sign * (new.quantity - old.quantity), 0), max(sign * (new.amount - old.amount), 0)
        kind, part_id = key
        if kind is not Counted.LINE:
            amounts[kind] += money
        elif quantity or money:
            cause = None if sign > 0 else causes.get(part_id, ReturnCause.VOIDED)
            lines.append(Line(part_id, new.item_id or old.item_id, quantity, money, cause))
    return Movement(
        amounts[Counted.PAYMENT] + amounts[Counted.REFUND],
        tuple(lines),
        added_tax=amounts[Counted.ADDED_TAX],
        contained_tax=amounts[Counted.CONTAINED_TAX],
        tips=amounts[Counted.TIP],
    )


def _sum(money: Iterable[Money]) -> int:
    return sum(each.amount for each in money)


def _latest(money: Iterable[Money], otherwise: datetime) -> datetime:
    return max((each.at for each in money), default=otherwise)
