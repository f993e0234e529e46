"""The activity feed in words: one message for each event a merchant cares about."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from common.contracts.catalog import (
    EditReverted,
    ItemCreated,
    ItemDeleted,
    MerchantConnected,
    MerchantDisconnected,
    ProductChanged,
    ProductLinked,
)
from common.contracts.envelope import Event
from common.contracts.inventory import StockChanged, StockPushed
from common.contracts.orders import CancellationRefused, OrderCancelled, OrderCompleted, OrderRejected, OrderSynced
from common.contracts.problems import ProblemClosed, ProblemOpened
from common.messages import Messages
from common.quantity import decimal
from notifier.domain import edits
from notifier.domain.stores import region_name

FEW = 5
"""Events of one type that are shown each by itself when they arrive together."""


class Level(StrEnum):
    """How an entry of the feed is meant."""

    SUCCESS = "success"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Line:
    """One entry of the activity feed."""

    message: str
    level: Level


def entries(events: Iterable[Event]) -> list[tuple[Event, int]]:
    """Return the events to show of those that arrived together, each with the number of others that it stands for."""
    by_type: dict[type[Event], list[Event]] = defaultdict(list)
    for event in events:
        by_type[type(event)].append(event)
    shown: list[tuple[Event, int]] = []
    for alike in by_type.values():
        shown += [(each, 0) for each in alike] if len(alike) <= FEW else [(alike[-1], len(alike) - 1)]
    return shown


def describe(event: Event, texts: Messages, others: int = 0) -> Line:
    """Return the entry for this event, and for others of its type."""
    found = _DESCRIPTIONS.get(type(event))
    line = found(event, texts) if found else unknown(texts)
    return replace(line, message=f"{line.message} {texts.count('activity.others', others)}") if others else line


def unknown(texts: Messages) -> Line:
    """Return the entry for an event that a newer version of this service wrote."""
    return Line(texts.text("activity.unknown"), Level.INFO)


def _problem_opened(event: ProblemOpened, texts: Messages) -> Line:
    return Line(texts.text("activity.problem_opened", title=texts.title(event.code)), Level.WARNING)


def _problem_closed(event: ProblemClosed, texts: Messages) -> Line:
    message = texts.resolved(event.code, event.resumed_count)
    return Line(message, Level.SUCCESS if event.resumed_count else Level.INFO)


def _order_rejected(event: OrderRejected, texts: Messages) -> Line:
    message = texts.text("activity.order_rejected", order=event.source_id, reason=event.reason)
    return Line(message, Level.WARNING)


def _order_synced(event: OrderSynced, texts: Messages) -> Line:
    values = {"order": event.source_id, "total": texts.money(event.total, event.currency)}
    if not event.due:
        return Line(texts.text("activity.order_synced", **values), Level.SUCCESS)
    due = texts.money(event.due, event.currency)
    return Line(texts.text("activity.order_synced.unpaid", **values, due=due), Level.SUCCESS)


def _order_completed(event: OrderCompleted, texts: Messages) -> Line:
    return Line(texts.text("activity.order_completed", order=event.source_id), Level.SUCCESS)


def _order_cancelled(event: OrderCancelled, texts: Messages) -> Line:
    key = "activity.order_cancelled.in_clover" if event.clover_order_id else "activity.order_cancelled"
    return Line(texts.text(key, order=event.source_id), Level.INFO)


def _cancellation_refused(event: CancellationRefused, texts: Messages) -> Line:
    message = texts.text("activity.cancellation_refused", order=event.source_id, reason=event.reason)
    return Line(message, Level.WARNING)


def _stock_changed(event: StockChanged, texts: Messages) -> Line:
    key = "activity.stock_changed.in_clover" if event.source == "clover" else "activity.stock_changed"
    return _stock_line(key, event, texts)


def _stock_pushed(event: StockPushed, texts: Messages) -> Line:
    return _stock_line("activity.stock_pushed", event, texts)


def _stock_line(key: str, event: StockChanged | StockPushed, texts: Messages) -> Line:
    item = event.sku or texts.text("activity.item", item_id=event.item_id)
    message = texts.text(key, item=item, before=decimal(event.before), after=decimal(event.after))
    return Line(message, Level.INFO)


def _product_linked(event: ProductLinked, texts: Messages) -> Line:
    return Line(texts.text("activity.product_linked", sku=event.sku), Level.INFO)


def _product_changed(event: ProductChanged, texts: Messages) -> Line:
    key = f"activity.product_changed.{event.cause}"
    return Line(texts.text(key, item=_item(event, texts), changes=edits.described(event, texts)), Level.INFO)


def _edit_reverted(event: EditReverted, texts: Messages) -> Line:
    changes = edits.described(event, texts)
    return Line(texts.text("activity.edit_reverted", item=_item(event, texts), changes=changes), Level.INFO)


def _item_created(event: ItemCreated, texts: Messages) -> Line:
    return Line(texts.text("activity.item_created", item=_item(event, texts)), Level.INFO)


def _item_deleted(event: ItemDeleted, texts: Messages) -> Line:
    if event.product_id is None:
        return Line(texts.text("activity.item_deleted", item=_item(event, texts)), Level.INFO)
    return Line(texts.text("activity.item_deleted.of_product", item=_item(event, texts)), Level.WARNING)


def _item(event: ProductChanged | EditReverted | ItemCreated | ItemDeleted, texts: Messages) -> str:
    """Name an item by its name and SKU, as far as it has them."""
    if event.name and event.sku:
        return texts.text("activity.item.named", name=event.name, sku=event.sku)
    return event.name or event.sku or texts.text("activity.item.unnamed", item_id=event.item_id)


def _merchant_connected(event: MerchantConnected, texts: Messages) -> Line:
    message = texts.text("activity.merchant_connected", region=region_name(event.region, texts))
    return Line(message, Level.SUCCESS)


def _merchant_disconnected(_: MerchantDisconnected, texts: Messages) -> Line:
    return Line(texts.text("activity.merchant_disconnected"), Level.WARNING)


_DESCRIPTIONS: Mapping[type[Event], Callable[[Any, Messages], Line]] = {
    MerchantConnected: _merchant_connected,
    MerchantDisconnected: _merchant_disconnected,
    ProductLinked: _product_linked,
    ProductChanged: _product_changed,
    EditReverted: _edit_reverted,
    ItemCreated: _item_created,
    ItemDeleted: _item_deleted,
    StockChanged: _stock_changed,
    StockPushed: _stock_pushed,
    OrderSynced: _order_synced,
    OrderCompleted: _order_completed,
    OrderCancelled: _order_cancelled,
    CancellationRefused: _cancellation_refused,
    OrderRejected: _order_rejected,
    ProblemOpened: _problem_opened,
    ProblemClosed: _problem_closed,
}
