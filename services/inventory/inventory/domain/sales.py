"""Till sales: which changes of Clover's count they explain, and which one is a count by a person."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from inventory.domain.ledger import Movement

BEFORE_PAYMENT = timedelta(hours=1)
"""Clover may change the count as soon as goods are on an order, which is paid and reported later."""

AFTER_REPORT = timedelta(minutes=10)
"""A report leads to a read of the count, which may have to wait for its turn."""


@dataclass(frozen=True)
class TillSale:
    """A sale of an item at the till (`delta` below zero) or a return, as orders reported it."""

    item_id: str
    delta: int
    sold_at: datetime
    reported_at: datetime

    @property
    def begins(self) -> datetime:
        """The count may show the sale from this time on."""
        return self.sold_at - BEFORE_PAYMENT

    @property
    def ends(self) -> datetime:
        """The count showed the sale by this time, or never does."""
        return max(self.sold_at, self.reported_at) + AFTER_REPORT


def last_count(lines: Sequence[Movement], sales: Sequence[TillSale]) -> Movement | None:
    """Return the last line of an item's ledger in which a person counted the item; None without lines.

    `lines` are its first counts and the changes of Clover's count, oldest first. Clover shows only numbers, so a change
    is a person's count unless sales explain all of it. A sale explains as much as it sold, of the nearest lines first.
    Without a count among the lines, the oldest stands for it.
    """
    unexplained = [line.delta for line in lines]
    unused = [sale.delta for sale in sales]
    for _, place, number in sorted(_pairs(lines, sales)):
        if (unexplained[place] < 0) == (unused[number] < 0):
            explained = min(unexplained[place], unused[number], key=abs)
            unexplained[place] -= explained
            unused[number] -= explained
    counts = [line for line, rest in zip(lines, unexplained, strict=True) if rest or line.before is None]
    return next(iter(counts[-1:] or lines[:1]), None)


def _pairs(lines: Sequence[Movement], sales: Sequence[TillSale]) -> Iterator[tuple[timedelta, int, int]]:
    """Yield each line and sale, by their places, that may be one, with the time between them."""
    times = [line.recorded_at for line in lines]
    for number, sale in enumerate(sales):
        for place in range(bisect_left(times, sale.begins), bisect_right(times, sale.ends)):
            yield abs(times[place] - sale.sold_at), place, number
