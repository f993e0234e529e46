"""The HTTP side of orders: orders taken in, looked at, completed, cancelled and tried again."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints, TypeAdapter

from common import merchants
from common.contracts.catalog import Sku
from common.contracts.orders import OrderCancelled
from common.contracts.problems import WORDS
from common.db.unit import Priority, Unit
from common.errors import Invalid, NotFound, Problem
from common.http.problems import Refused
from common.http.routes import Answer, Call, Input, Nothing, Route
from common.ids import reference
from common.money import Currency, MinorUnits
from common.work import table
from orders import domain, store
from orders.domain import FIND_SETUP, PUSH_ORDER, SETUP_CODES, SETUP_KEY, Order, Progress, Shown, Source, State, Wish
from orders.sync import Deps, customer_context

ORDERS = "/v1/merchants/{merchant_id}/orders"
ORDER = f"{ORDERS}/{{source_id}}"

SOURCE_ID = re.compile(r"[\w.:#/+=~-]{1,120}", re.ASCII)
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
REFERENCE_TRIES = 3

CANNOT_SHIP = (
    "Clover cannot send shipping updates back to your source store: not tracking numbers, not shipping carriers, not "
    "the fulfillment status in the original platform. Use Clover for recording and managing orders, not for updating "
    "fulfillment details."
)


def _this_century(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("must lie between the years 2000 and 2100")
    return moment


Text40 = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Name = Annotated[str, StringConstraints(max_length=64)]


class ChannelIn(Input):
    """The other store an order comes from."""

    channel: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    store: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class LineIn(Input):
    """One line; `unit_price` is in minor units. A SKU linked to a Clover item becomes that item."""

    sku: Sku
    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    quantity: Annotated[int, Field(ge=1, le=999)]
    unit_price: MinorUnits


class CustomerIn(Input):
    """Who ordered. Kept and sent to Clover for US merchants only; for all others it is never stored."""

    first_name: Name
    last_name: Name
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=127)] | None = None
    phone: Annotated[str, StringConstraints(pattern=r"^[0-9+() .-]+$", max_length=21)] | None = None


class OrderIn(Input):
    """An order of another store. `total`, in minor units, is the sum of the lines; `placed_at` carries its zone."""

    channel: ChannelIn
    number: Text40
    currency: Currency
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=500)]
    total: Annotated[MinorUnits, Field(ge=1)]
    customer: CustomerIn | None = None
    placed_at: Annotated[AwareDatetime, AfterValidator(_this_century)]

    def source(self) -> Source:
        customer = domain.Customer(**self.customer.model_dump()) if self.customer else None
        return Source(
            channel=self.channel.channel,
            store=self.channel.store,
            number=self.number,
            currency=self.currency,
            lines=tuple(domain.Line(**line.model_dump()) for line in self.lines),
            total=self.total,
            customer=customer,
            placed_at=self.placed_at.astimezone(UTC),
        )


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


class Page(Input):
    state: Shown | None = None
    cursor: Annotated[int, Field(ge=0, le=10**15)] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class Listing(BaseModel):
    """Orders in order of arrival. `next_cursor` is for the next page; without it this is the last."""

    orders: list[OrderView]
    next_cursor: int | None


async def put_order(call: Call[Deps, OrderIn]) -> Answer:
    """Keep the order and have it sent; the same again changes nothing."""
    source_id = _source_id(call.path["source_id"])
    async with call.deps.database.unit() as unit:
        merchant = await merchants.find(unit.conn, call.merchant_id)
        source = domain.keepable(merchant.region, _adding_up(call.input.source(), merchant.currency))
        new = await _keep(call.deps, unit, call.merchant_id, source_id, source)
        if new:
            unit.mark(PUSH_ORDER, call.merchant_id, source_id)
    return await _now(call, 202 if new else 200)


async def _keep(deps: Deps, unit: Unit, merchant_id: str, source_id: str, source: Source) -> bool:
    """Store the order unless it is there already; whether it was new. Raises Refused when it differs."""
    context = customer_context(merchant_id, source_id)
    sealed = deps.sealer.seal(_CUSTOMER.dump_json(source.customer), context=context) if source.customer else None
    for number in range(REFERENCE_TRIES):
        own = reference(deps.reference_key, merchant_id, f"{source_id}\n{number}" if number else source_id)
        order = Order(merchant_id, source_id, own, source, sealed, None, Progress())
        if await store.insert(unit, order):
            return True
        known = await store.find_and_lock(unit.conn, merchant_id, source_id)
        if known is not None:
            opened = (
                _CUSTOMER.validate_json(deps.sealer.open(known.customer, context=context)) if known.customer else None
            )
            _refuse_other(replace(known.source, customer=opened), source)
            return False
    raise RuntimeError("no free reference for an order")


def _refuse_other(known: Source, source: Source) -> None:
    if different := domain.differing(known, source):
        raise Refused(
            409,
            "order_differs",
            "An order with this id was received before, and not the same. It was left as it is.",
            [Problem(name, "differs from what was received first", "Send the order as before.") for name in different],
        )


def _adding_up(source: Source, currency: str) -> Source:
    """The order, if it can stand in Clover exactly. Raises Invalid."""
    problems = []
    ours, count = domain.lines_total(source.lines), sum(line.quantity for line in source.lines)
    if ours != source.total:
        problems.append(
            Problem("total", f"is {source.total}, the lines come to {ours}", "Send the sum of quantity × unit_price.")
        )
    if source.currency != currency:
        problems.append(
            Problem("currency", f"is {source.currency}, this Clover counts in {currency}", f"Send it in {currency}.")
        )
    if count > domain.MOST_UNITS:
        problems.append(
            Problem("lines", f"are {count} units, Clover takes {domain.MOST_UNITS} in one order", "Split the order.")
        )
    if problems:
        raise Invalid(problems)
    return source


async def get_order(call: Call[Deps, Nothing]) -> OrderWithTimeline:
    """The order with its timeline."""
    return await _find(call.deps, call.merchant_id, call.path["source_id"])


async def list_orders(call: Call[Deps, Page]) -> Listing:
    """A page of the merchant's orders."""
    page = call.input
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        found = await store.page(conn, call.merchant_id, page.state, page.cursor, page.limit)
    following = found[-1].arrival if len(found) == page.limit else None
    return Listing(orders=[_view(each) for each in found], next_cursor=following)


async def complete_order(call: Call[Deps, Nothing]) -> Answer:
    """The source says the order is fulfilled."""
    async with call.deps.database.unit() as unit:
        order = await _locked(unit, call)
        state = order.progress.state
        if state is State.CANCELLED or order.wish is Wish.CANCEL:
            raise Refused(409, "order_cancelled", "The order is cancelled and cannot be completed.")
        if state is not State.DONE:
            await store.save_wish(unit, order, Wish.COMPLETE)
            await _go_on(unit, order)
    return await _now(call, 200 if state is State.DONE else 202)


async def cancel_order(call: Call[Deps, Nothing]) -> Answer:
    """The source cancelled the order."""
    async with call.deps.database.unit() as unit:
        order = await _locked(unit, call)
        state = order.progress.state
        if state is State.DONE:
            raise Refused(409, "order_completed", "The order is completed; refund it at the till instead.")
        if state is State.READY and not order.progress.attempts:
            await _cancel_unsent(unit, order)
            state = State.CANCELLED
        elif state is not State.CANCELLED:
            await store.save_wish(unit, order, Wish.CANCEL)
            await _go_on(unit, order)
    return await _now(call, 200 if state is State.CANCELLED else 202)


async def retry_order(call: Call[Deps, Nothing]) -> Answer:
    """Try again now what waits."""
    async with call.deps.database.unit() as unit:
        order = await _locked(unit, call)
        viewed = await store.view(unit.conn, order.merchant_id, order.source_id)
        if viewed is not None and viewed.problem in SETUP_CODES:  # it goes with all others once that is found
            unit.mark(FIND_SETUP, order.merchant_id, SETUP_KEY, priority=Priority.LIVE)
        elif order.waits:
            await _go_on(unit, order)
    return await _now(call, 202 if order.waits else 200)


async def update_fulfillment(call: Call[Deps, None]) -> Answer:
    """Refused, with the reason."""
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        if await store.view(conn, call.merchant_id, call.path["source_id"]) is None:
            raise _unknown(call.path["source_id"])
    raise Refused(422, "clover_cannot_ship_updates", CANNOT_SHIP)


async def _go_on(unit: Unit, order: Order) -> None:
    """Have the worker take the order now."""
    if not await table.retry(unit, order.merchant_id, PUSH_ORDER, order.source_id):
        unit.mark(PUSH_ORDER, order.merchant_id, order.source_id)


async def _cancel_unsent(unit: Unit, order: Order) -> None:
    """Nothing of it ever left: cancelled without a call, and nothing is left to do."""
    await store.save(unit, order, order.progress.cancelled())
    store.note_step(unit, order.merchant_id, order.source_id, "cancelled")
    await table.drop(unit, order.merchant_id, PUSH_ORDER, order.source_id)
    unit.emit(OrderCancelled(merchant_id=order.merchant_id, source_id=order.source_id, clover_order_id=None))


async def _locked(unit: Unit, call: Call[Deps, Nothing]) -> Order:
    order = await store.find_and_lock(unit.conn, call.merchant_id, call.path["source_id"])
    if order is None:
        raise _unknown(call.path["source_id"])
    return order


async def _now(call: Call[Deps, Any], status: int) -> Answer:
    return Answer(status, await _find(call.deps, call.merchant_id, call.path["source_id"]))


async def _find(deps: Deps, merchant_id: str, source_id: str) -> OrderWithTimeline:
    async with deps.database.connection() as conn:
        viewed = await store.view(conn, merchant_id, source_id)
        if viewed is None:
            raise _unknown(source_id)
        steps = await store.timeline(conn, merchant_id, source_id)
    timeline = [StepView(at=step.at, step=step.name, detail=step.detail) for step in steps]
    return OrderWithTimeline(**dict(_view(viewed)), timeline=timeline)


def _source_id(value: str) -> str:
    if not SOURCE_ID.fullmatch(value):
        raise Invalid.field(
            "source_id", "is not an identifier", "Send 1 to 120 letters, digits and . : # / + = ~ - _ only."
        )
    return value


def _unknown(source_id: str) -> NotFound:
    return NotFound(f"There is no order {source_id} of this merchant here.")


def _view(viewed: store.Viewed) -> OrderView:
    order, source = viewed.order, viewed.order.source
    state = domain.shown(order.progress.state, held=viewed.held)
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
    words = WORDS[viewed.problem]
    return ProblemView(code=viewed.problem, title=words.title, remedy=words.remedy, reason=viewed.error)


_CUSTOMER = TypeAdapter(domain.Customer)

ROUTES = [
    Route(
        "PUT",
        ORDER,
        put_order,
        "orders:write",
        takes=OrderIn,
        gives=OrderWithTimeline,
        status=202,
        also=(200, 409),
        summary="Take an order of another store and have it sent to Clover",
    ),
    Route(
        "GET", ORDERS, list_orders, "orders:read", takes=Page, gives=Listing, summary="List orders by order of arrival"
    ),
    Route(
        "GET",
        ORDER,
        get_order,
        "orders:read",
        gives=OrderWithTimeline,
        summary="Where an order is, and how it got there",
    ),
    Route(
        "POST",
        f"{ORDER}/complete",
        complete_order,
        "orders:write",
        gives=OrderWithTimeline,
        status=202,
        also=(200, 409),
        summary="Mark an order as completed",
    ),
    Route(
        "POST",
        f"{ORDER}/cancel",
        cancel_order,
        "orders:write",
        gives=OrderWithTimeline,
        status=202,
        also=(200, 409),
        summary="Cancel an order, in Clover too if it got there",
    ),
    Route(
        "POST",
        f"{ORDER}/retry",
        retry_order,
        "orders:write",
        gives=OrderWithTimeline,
        status=202,
        also=(200,),
        summary="Try an order again now",
    ),
    Route(
        "POST",
        f"{ORDER}/fulfillments",
        update_fulfillment,
        "orders:write",
        takes=None,
        also=(422,),
        status=422,
        summary="Refused: Clover cannot send shipping updates",
    ),
]
