"""The answers of the API of orders."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Annotated

from pydantic import BaseModel, Field

from common import messages
from common.contracts.problems import Code
from common.errors import NotFound
from orders import store
from orders.deps import Deps
from orders.domain.notices import InClover, in_clover, notices, paid_in_store, tax
from orders.domain.order import Order, OrderStatus, RequestedAction
from orders.domain.progress import State
from orders.domain.sums import whole
from orders.domain.timeline import TimelineEvent
from orders.store.lists import ShownOrder
from orders.store.timeline import StoredEntry


class OrderChannel(BaseModel):
    """The other store that an order comes from."""

    channel: Annotated[str, Field(description="The kind of store, such as `shopify`.")]
    store: Annotated[str, Field(description="The store's name or address there.")]


class OrderProblem(BaseModel):
    """The problem that holds an order, and its remedy."""

    code: Annotated[str, Field(description="The code of the problem, the same as in the list of problems.")]
    title: Annotated[str, Field(description="The problem in one sentence, for people.")]
    remedy: Annotated[str, Field(description="The steps that resolve the problem, for people.")]
    reason: Annotated[str | None, Field(description="Details about this order, such as Clover's own words.")]


class OrderSummary(BaseModel):
    """An order and its progress in Clover."""

    source_id: Annotated[str, Field(description="The id under which the order was sent.")]
    state: Annotated[
        OrderStatus,
        Field(
            description="`ready`: queued. `submitting`: being created in Clover. `unknown`: Clover's answer was lost "
            "and is looked up. `created`: in Clover, not yet complete. `paid`: in Clover, exact and paid. `done`: "
            "completed. `unpaid`: in Clover, exact, and as unpaid as in its store. "
            "`held`: waits for `problem`. `rejected`: refused, see `reason`. `cancelled`: cancelled. "
            "`expired`: held for too long and never sent."
        ),
    ]
    requested_action: Annotated[
        RequestedAction | None, Field(description="The action that was requested after the order was sent.")
    ]
    channel: Annotated[OrderChannel, Field(description="The store that the order comes from.")]
    number: Annotated[str, Field(description="The order number that people see in that store.")]
    currency: Annotated[str, Field(description="The ISO 4217 currency of every amount.")]
    total: Annotated[int, Field(description="The order's total, in minor units of `currency` (cents).")]
    units: Annotated[int, Field(description="The number of units sold. Goods by weight count as one a line.")]
    placed_at: Annotated[
        datetime | None, Field(description="When the customer placed the order, in UTC; null if it was not sent.")
    ]
    received_at: Annotated[datetime, Field(description="When QuickSync received the order, in UTC.")]
    attempts: Annotated[int, Field(description="How often the creation of the order was sent to Clover.")]
    reference: Annotated[str, Field(description="Our reference on the order in Clover, 12 characters.")]
    clover_order_id: Annotated[str | None, Field(description="The order's id in Clover, once it is there.")]
    reason: Annotated[str | None, Field(description="The reason why the order was rejected, or waits.")]
    problem: Annotated[OrderProblem | None, Field(description="The problem that holds the order.")]
    next_attempt_at: Annotated[
        datetime | None,
        Field(description="When the order is attempted next, in UTC; null when it is held or nothing is left to do."),
    ]


class TimelineEntry(BaseModel):
    """Something that happened to an order."""

    at: Annotated[datetime, Field(description="When it happened, in UTC.")]
    event: Annotated[TimelineEvent, Field(description="The kind of event.")]
    detail: Annotated[str, Field(description="The write, the rows or the reason; empty when there is nothing to add.")]


class Sums(BaseModel):
    """The amounts of an order, in minor units of `currency`."""

    total: Annotated[int, Field(description="What is charged, without tips.")]
    tax: Annotated[int, Field(description="The tax in `total`.")]
    tip: Annotated[int, Field(description="The tips, which Clover shows with the payments.")]
    paid: Annotated[int, Field(description="What was paid, tips included.")]


class OrderSums(BaseModel):
    """The sums of an order in its store, and those that Clover computes when a device opens it."""

    store: Annotated[Sums, Field(description="The sums that the store sent.")]
    clover: Annotated[
        Sums | None,
        Field(description="The sums that Clover shows, with the same `total`; null before the order is sent there."),
    ]
    rounding: Annotated[
        int, Field(description="What prices were changed by, in Clover, so that the total is exactly the same.")
    ]


class OrderDetail(OrderSummary):
    """An order, its progress in Clover and its timeline."""

    sums: Annotated[OrderSums, Field(description="What the order comes to, in its store and in Clover.")]
    notices: Annotated[
        list[str], Field(description="How the order in Clover differs, and the steps left to do by hand. For people.")
    ]

    timeline: Annotated[list[TimelineEntry], Field(description="The events of the order, oldest first.")]


class OrderPage(BaseModel):
    """A page of orders."""

    orders: Annotated[list[OrderSummary], Field(description="The orders, in the order in which they were received.")]
    next: Annotated[int | None, Field(description="The cursor of the next page; null on the last page.")]


async def detail(deps: Deps, merchant_id: str, reference: str) -> OrderDetail:
    """Return the order with its timeline. Raises NotFound."""
    async with deps.database.connection() as conn:
        shown = await store.lists.show(conn, merchant_id, reference)
        if shown is None:
            raise NotFound("This order does not exist.")
        [order] = await store.orders.find(conn, deps.payloads, merchant_id, [reference])
        entries = await store.timeline.find(conn, merchant_id, reference)
    return _detail(shown, order, entries)


def received(order: Order) -> OrderDetail:
    """Return an order as it is right after it was stored, when nothing has happened to it yet."""
    at = order.received_at
    if at is None:
        raise RuntimeError("the order was not received")
    return _detail(store.lists.shown_new(order, at), order, [StoredEntry(at, TimelineEvent.RECEIVED, "")])


def _detail(shown: ShownOrder, order: Order, entries: Sequence[StoredEntry]) -> OrderDetail:
    timeline = [TimelineEntry(at=each.at, event=each.event, detail=each.detail) for each in entries]
    progress = order.progress
    # A cancelled order cannot be opened at the till any more, so nothing is left to do there.
    applies = progress.taxes is not None and progress.state is not State.CANCELLED
    said = list(notices(order.source, order.charge, _in_clover(order))) if applies else []
    return OrderDetail(**dict(summary(shown)), sums=_sums(order), notices=said, timeline=timeline)


def _sums(order: Order) -> OrderSums:
    source, tip = order.source, whole(order.source.tip)
    in_store = Sums(total=source.total - tip, tax=tax(source), tip=tip, paid=paid_in_store(source))
    if order.progress.taxes is None:  # the taxes of the merchant are read before it is created
        return OrderSums(store=in_store, clover=None, rounding=0)
    charge, there = order.charge, _in_clover(order)
    shown = Sums(total=charge.total, tax=there.tax, tip=there.tip, paid=there.paid + there.tip)
    return OrderSums(store=in_store, clover=shown, rounding=charge.rounding)


def _in_clover(order: Order) -> InClover:
    progress = order.progress
    return in_clover(order.charge, progress.recorded_paid, progress.recorded_tip, progress.clover_tax)


def summary(shown: ShownOrder) -> OrderSummary:
    """Return the order as lists show it."""
    held = Code(shown.held_problem) if shown.held_problem else None
    return OrderSummary(
        source_id=shown.source_id,
        state=shown.status,
        requested_action=shown.requested_action,
        channel=OrderChannel(channel=shown.channel, store=shown.store),
        number=shown.number,
        currency=shown.currency,
        total=shown.total,
        units=shown.units,
        placed_at=shown.placed_at,
        received_at=shown.received_at,
        attempts=shown.attempts,
        reference=shown.reference,
        clover_order_id=shown.clover_order_id,
        reason=shown.reason or (None if held else shown.held_reason),
        problem=_problem(held, shown.held_reason),
        next_attempt_at=shown.next_attempt_at,
    )


def _problem(code: Code | None, reason: str | None) -> OrderProblem | None:
    return None if code is None else OrderProblem(**_texts(code), reason=reason)


@cache
def _texts(code: Code) -> Mapping[str, str]:
    """Return the texts of the problem; a page of held orders shows the same ones a hundred times."""
    texts = messages.for_locale()
    return {"code": code, "title": texts.title(code), "remedy": texts.remedy(code)}
