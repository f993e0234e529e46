"""How everything reads: what waits and what went through, what happened, where and when."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from common import messages
from common.contracts.catalog import MerchantConnected, ProductLinked
from common.contracts.envelope import Event
from common.contracts.inventory import StockChanged, StockPushed
from common.contracts.orders import OrderCancelled, OrderCompleted, OrderRejected, OrderSynced
from common.contracts.problems import ProblemClosed, ProblemOpened
from common.messages import Messages
from common.money import Money
from common.quantity import decimal


def region(code: str) -> tuple[str, str]:
    """The region's name, and where customer details go; an unknown region counts as Europe, the strictest one."""
    texts = messages.for_locale()
    if code in REGIONS:
        return texts.text(f"region.{code}"), texts.text(f"region.{code}.customers")
    return code.upper(), texts.text("region.eu.customers")


REGIONS = ("us", "eu", "la")


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


def unknown(texts: Messages) -> Line:
    return Line(texts.text("activity.unknown"), Tone.PLAIN)


def told(event: Event) -> Line:
    """What happened, in words for the merchant."""
    texts = messages.for_locale()
    tell = _TOLD.get(type(event))
    return tell(event, texts) if tell else unknown(texts)


def _opened(event: ProblemOpened, texts: Messages) -> Line:
    return Line(texts.text("activity.problem_opened", title=texts.title(event.code)), Tone.ATTENTION)


def _closed(event: ProblemClosed, texts: Messages) -> Line:
    n = event.resumed_count
    return Line(texts.resolved(event.code, n), Tone.GOOD if n else Tone.PLAIN)


def _rejected(event: OrderRejected, texts: Messages) -> Line:
    line = texts.text("activity.order_rejected", order=event.source_id, reason=event.reason)
    return Line(line, Tone.ATTENTION)


def _synced(event: OrderSynced, texts: Messages) -> Line:
    return Line(
        texts.text(
            "activity.order_synced",
            order=event.source_id,
            total=str(Money(amount=event.total, currency=event.currency)),
        ),
        Tone.GOOD,
    )


def _completed(event: OrderCompleted, texts: Messages) -> Line:
    return Line(texts.text("activity.order_completed", order=event.source_id), Tone.GOOD)


def _cancelled(event: OrderCancelled, texts: Messages) -> Line:
    key = "activity.order_cancelled.in_clover" if event.clover_order_id else "activity.order_cancelled"
    return Line(texts.text(key, order=event.source_id), Tone.PLAIN)


def _stock_changed(event: StockChanged, texts: Messages) -> Line:
    key = "activity.stock_changed.in_clover" if event.source == "clover" else "activity.stock_changed"
    return Line(_stock(key, event, texts), Tone.PLAIN)


def _stock_pushed(event: StockPushed, texts: Messages) -> Line:
    return Line(_stock("activity.stock_pushed", event, texts), Tone.PLAIN)


def _stock(key: str, event: StockChanged | StockPushed, texts: Messages) -> str:
    item = event.sku or texts.text("activity.item", item_id=event.item_id)
    return texts.text(key, item=item, before=decimal(event.before), after=decimal(event.after))


def _linked(event: ProductLinked, texts: Messages) -> Line:
    return Line(texts.text("activity.product_linked", sku=event.sku), Tone.PLAIN)


def _connected(event: MerchantConnected, texts: Messages) -> Line:
    return Line(texts.text("activity.merchant_connected", region=region(event.region)[0]), Tone.GOOD)


_TOLD: Mapping[type[Event], Callable[[Any, Messages], Line]] = {
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
    """The time since then in its largest unit: `less than a minute`, `12 minutes`, `3 days`."""
    texts, minutes = messages.for_locale(), int((now - began).total_seconds() // 60)
    for unit, size in (("day", 24 * 60), ("hour", 60), ("minute", 1)):
        if minutes >= size:
            return texts.count(f"lasted.{unit}", minutes // size)
    return texts.text("lasted.moment")


def one_line(text: str) -> str:
    """The text fit for a header: what any reader takes for the end of a line is a space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
