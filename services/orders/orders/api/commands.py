"""What is asked of an order once it was taken in: completed, cancelled, tried again, or what Clover cannot do."""

from common.contracts.orders import OrderCancelled
from common.db import merchants
from common.db.unit import Priority, Unit
from common.http.problems import Refused
from common.http.routes import Answer, Call, Nothing
from common.work import table
from orders import store
from orders.api.views import find, unknown
from orders.deps import Deps
from orders.domain.order import PUSH_ORDER, Order, Wish
from orders.domain.progress import State
from orders.domain.setup import FIND_SETUP, SETUP_CODES, SETUP_KEY

CANNOT_SHIP = (
    "Clover cannot send shipping updates back to your source store: not tracking numbers, not shipping carriers, not "
    "the fulfillment status in the original platform. Use Clover for recording and managing orders, not for updating "
    "fulfillment details."
)


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
            raise unknown(call.path["source_id"])
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
        raise unknown(call.path["source_id"])
    return order


async def _now(call: Call[Deps, Nothing], status: int) -> Answer:
    return Answer(status, await find(call.deps, call.merchant_id, call.path["source_id"]))
