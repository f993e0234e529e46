"""Finds the obstacles that keep an order out of Clover before anything of it is sent."""

from common import messages
from common.contracts.problems import Code
from orders.domain.rows import MOST_ROWS
from orders.domain.setup import Books
from orders.domain.source import Source

MOST_LINES = MOST_ROWS - 3
"""Lines, shipping and fees of one order: each is a row at least, beside rows for tax, a tip and rounding."""


def obstacle(source: Source, books: Books) -> tuple[Code, str] | None:
    """Return the problem that the order waits under, and the reason; None when it can be sent."""
    texts = messages.for_locale()
    if books.currency not in {None, source.currency}:
        names = {"ours": source.currency, "clover": str(books.currency)}
        return Code.ORDER_CURRENCY, texts.text("reason.order_currency", **names)
    if is_too_large(source):
        return Code.ORDER_TOO_LARGE, texts.text("reason.order_too_large", lines=len(source.priced), most=MOST_LINES)
    return None


def is_too_large(source: Source) -> bool:
    """Return whether the order has more lines than Clover takes, even with one row for each."""
    return len(source.priced) > MOST_LINES
