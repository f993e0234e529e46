"""How everything reads: what waits and what went through, what happened, where and when."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from common.contracts.catalog import MerchantConnected, ProductLinked
from common.contracts.envelope import Event
from common.contracts.inventory import StockChanged, StockPushed
from common.contracts.orders import OrderCancelled, OrderCompleted, OrderRejected, OrderSynced
from common.contracts.problems import WORDS, Code, ProblemClosed, ProblemOpened
from common.quantity import decimal


@dataclass(frozen=True)
class Counted:
    """How what waits for a problem is counted."""

    one: str
    many: str
    waits: str
    wait: str
    went: str


_ORDERS = Counted("order", "orders", "waits", "wait", "sent to Clover")
_ANYTHING = Counted("change", "changes", "waits", "wait", "went through")

COUNTED = {
    Code.ORDER_TYPE_MISSING: _ORDERS,
    Code.TENDER_MISSING: _ORDERS,
    Code.ORDER_REJECTED: Counted("order", "orders", "was refused", "were refused", "went through"),
    Code.PRODUCT_REJECTED: Counted("product", "products", "was refused", "were refused", "went through"),
    Code.STOCK_REJECTED: Counted("stock count", "stock counts", "was refused", "were refused", "went through"),
    Code.EMAIL_REJECTED: Counted("e-mail", "e-mails", "was refused", "were refused", "sent"),
    Code.EMAIL_DELAYED: Counted("e-mail", "e-mails", "waits", "wait", "sent"),
}


def counted(code: Code, n: int) -> str:
    """The number with what it counts: `1 order`, `214 orders`."""
    words = COUNTED.get(code, _ANYTHING)
    return f"{n:,} {words.one if n == 1 else words.many}"


def waiting(code: Code, n: int) -> str:
    """What waits, as a sentence without its full stop: `1 order waits`, `No orders wait yet`."""
    words = COUNTED.get(code, _ANYTHING)
    if n == 0:
        return f"No {words.many} {words.wait} yet"
    return f"{counted(code, n)} {words.waits if n == 1 else words.wait}"


NOTHING_WAITS = "Nothing waits at the moment"


def resumed(code: Code, n: int) -> str:
    """What went through once the problem was solved, for a heading: `Resumed: 214 orders sent to Clover`."""
    return f"Resumed: {counted(code, n)} {COUNTED.get(code, _ANYTHING).went}" if n else NOTHING_WAITS


def solved(code: Code, n: int) -> str:
    """The same in whole sentences. Where nothing went through, the cause may still be there."""
    if n:
        return WORDS[code].solved.format(n=counted(code, n))
    return (
        f"{NOTHING_WAITS}. If the cause is still there, the next {COUNTED.get(code, _ANYTHING).one} is stopped again."
    )


REGIONS = {
    "us": ("United States", "Customer names and contact details travel with orders into Clover."),
    "eu": ("Europe", "Orders go into Clover without customer details; they stay in the store they came from."),
    "la": ("Latin America", "Orders go into Clover without customer details; they stay in the store they came from."),
}


def region(code: str) -> tuple[str, str]:
    """The region's name, and what it means for customer data; one that is not known counts as Europe."""
    return REGIONS.get(code, (code.upper(), REGIONS["eu"][1]))


def masked(merchant_id: str) -> str:
    """Enough of a merchant's id to tell it from another."""
    return f"•••• {merchant_id[-4:]}"


class Tone(StrEnum):
    """How an entry of the feed is meant: as it should be, in need of somebody, or neither."""

    GOOD = "good"
    ATTENTION = "attention"
    PLAIN = "plain"


@dataclass(frozen=True)
class Line:
    """One entry of the activity feed in words."""

    words: str
    tone: Tone


UNKNOWN = Line("Something happened that this version has no words for.", Tone.PLAIN)


def told(event: Event) -> Line:
    """What happened, in words for the merchant."""
    tell = _TOLD.get(type(event))
    return tell(event) if tell else UNKNOWN


def _opened(event: ProblemOpened) -> Line:
    return Line(f"{WORDS[event.code].title}.", Tone.ATTENTION)


def _closed(event: ProblemClosed) -> Line:
    return Line(solved(event.code, event.resumed_count), Tone.GOOD if event.resumed_count else Tone.PLAIN)


def _rejected(event: OrderRejected) -> Line:
    return Line(f"Clover did not accept order {event.source_id}: {event.reason}", Tone.ATTENTION)


def _synced(event: OrderSynced) -> Line:
    return Line(f"Order {event.source_id} is in Clover, {event.total}, paid.", Tone.GOOD)


def _completed(event: OrderCompleted) -> Line:
    return Line(f"Order {event.source_id} is completed in Clover.", Tone.GOOD)


def _cancelled(event: OrderCancelled) -> Line:
    where = "in Clover too" if event.clover_order_id else "before it was sent to Clover"
    return Line(f"Order {event.source_id} is cancelled, {where}.", Tone.PLAIN)


def _stock_changed(event: StockChanged) -> Line:
    where = "in Clover" if event.source == "clover" else "in QuickSync"
    return Line(f"Stock of {_item(event)} went from {_moved(event)}, changed {where}.", Tone.PLAIN)


def _stock_pushed(event: StockPushed) -> Line:
    return Line(f"Clover's stock of {_item(event)} was set from {_moved(event)}.", Tone.PLAIN)


def _linked(event: ProductLinked) -> Line:
    return Line(f"{event.sku} is linked to its item in Clover.", Tone.PLAIN)


def _connected(event: MerchantConnected) -> Line:
    return Line(f"Clover is connected ({region(event.region)[0]}).", Tone.GOOD)


def _item(event: StockChanged | StockPushed) -> str:
    return event.sku or f"item {event.item_id}"


def _moved(event: StockChanged | StockPushed) -> str:
    return f"{decimal(event.before)} to {decimal(event.after)}"


_TOLD: Mapping[type[Event], Callable[[Any], Line]] = {
    MerchantConnected: _connected,
    ProductLinked: _linked,
    StockChanged: _stock_changed,
    StockPushed: _stock_pushed,
    OrderSynced: _synced,
    OrderCompleted: _completed,
    OrderCancelled: _cancelled,
    OrderRejected: _rejected,
    ProblemOpened: _opened,
    ProblemClosed: _closed,
}


def zone(name: str) -> tzinfo:
    """The time zone of this IANA name; UTC when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a part of a name, such as `America`, is a folder
        return UTC


def moment(at: datetime, now: datetime, where: tzinfo) -> str:
    """A moment as people there say it: `today at 14:05`, `Monday 23 November at 14:05`."""
    local, today = at.astimezone(where), now.astimezone(where).date()
    if local.date() == today:
        return f"today at {local:%H:%M}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday at {local:%H:%M}"
    year = f" {local.year}" if local.year != today.year else ""
    return f"{local:%A} {local.day} {local:%B}{year} at {local:%H:%M}"


def since(at: datetime, where: tzinfo) -> str:
    """A moment for good: `Monday 23 November 2026, 14:05 (CET)`."""
    local = at.astimezone(where)
    return f"{local:%A} {local.day} {local:%B %Y}, {local:%H:%M} ({local:%Z})"


def lasted(began: datetime, now: datetime) -> str:
    """How long ago, in its largest unit: `just now`, `12 minutes`, `3 days`."""
    minutes = int((now - began).total_seconds() // 60)
    for unit, size in (("day", 24 * 60), ("hour", 60), ("minute", 1)):
        if minutes >= size:
            n = minutes // size
            return f"{n} {unit}{'s' if n > 1 else ''}"
    return "less than a minute"


def one_line(text: str) -> str:
    """The text fit for a header: what any reader takes for the end of a line is a space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
