"""What the HTTP side gives: where an order is, and how it got there."""

from datetime import datetime

from pydantic import BaseModel

from common import messages
from common.errors import NotFound
from orders import store
from orders.deps import Deps
from orders.domain.order import Shown, Wish, shown


class ChannelView(BaseModel):
    channel: str
    store: str


class ProblemView(BaseModel):
    """What the order waits for, and what the merchant can do about it."""

    code: str
    title: str
    remedy: str
    reason: str | None


class OrderView(BaseModel):
    """Where an order is. `attempts` counts how often its creation was sent; `units` are its lines in Clover."""

    source_id: str
    state: Shown
    wish: Wish | None
    channel: ChannelView
    number: str
    currency: str
    total: int
    units: int
    placed_at: datetime
    received_at: datetime
    attempts: int
    reference: str
    clover_order_id: str | None
    reason: str | None
    problem: ProblemView | None
    next_try_at: datetime | None


class StepView(BaseModel):
    """Something that happened to the order."""

    at: datetime
    step: str
    detail: str


class OrderWithTimeline(OrderView):
    """Where an order is, and how it got there."""

    timeline: list[StepView]


class Listing(BaseModel):
    """Orders in order of arrival; `next` is null on the last page."""

    orders: list[OrderView]
    next: int | None


async def find(deps: Deps, merchant_id: str, source_id: str) -> OrderWithTimeline:
    async with deps.database.connection() as conn:
        viewed = await store.view(conn, merchant_id, source_id)
        if viewed is None:
            raise unknown(source_id)
        steps = await store.timeline(conn, merchant_id, source_id)
    timeline = [StepView(at=step.at, step=step.name, detail=step.detail) for step in steps]
    return OrderWithTimeline(**dict(view(viewed)), timeline=timeline)


def unknown(source_id: str) -> NotFound:
    return NotFound(f"There is no order {source_id} of this merchant here.")


def view(viewed: store.Viewed) -> OrderView:
    order, source = viewed.order, viewed.order.source
    state = shown(order.progress.state, held=viewed.held)
    return OrderView(
        source_id=order.source_id,
        state=state,
        wish=order.wish,
        channel=ChannelView(channel=source.channel, store=source.store),
        number=source.number,
        currency=source.currency,
        total=source.total,
        units=sum(line.quantity for line in source.lines),
        placed_at=source.placed_at,
        received_at=viewed.received_at,
        attempts=order.progress.attempts,
        reference=order.reference,
        clover_order_id=order.progress.clover_order_id,
        reason=order.progress.reason,
        problem=_problem(viewed),
        next_try_at=None if viewed.held else viewed.due_at,
    )


def _problem(viewed: store.Viewed) -> ProblemView | None:
    if viewed.problem is None:
        return None
    texts = messages.for_locale()
    title, remedy = texts.title(viewed.problem), texts.remedy(viewed.problem)
    return ProblemView(code=viewed.problem, title=title, remedy=remedy, reason=viewed.error)
