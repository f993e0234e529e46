"""Commands on a stored order: complete, cancel, retry, and the fulfillment updates that Clover cannot make."""

from common.contracts.orders import OrderCancelled
from common.db.unit import Priority, Unit
from common.http.problems import Refused
from common.http.routes import Answer, Call, Nothing
from orders import store
from orders.api.address import resolve
from orders.api.responses import detail
from orders.deps import Deps
from orders.domain.order import Order, RequestedAction
from orders.domain.progress import State
from orders.domain.setup import SETUP_CODES
from orders.domain.timeline import Entry, TimelineEvent
from orders.kinds import FIND_SETUP, SETUP_KEY
from orders.store.orders import StoredOrder

CANNOT_SHIP = (
    "Clover cannot send shipping updates back to your source store: not tracking numbers, not shipping carriers, not "
    "the fulfillment status in the original platform. Use Clover for recording and managing orders, not for updating "
    "fulfillment details."
)


async def complete_order(call: Call[Deps, Nothing]) -> Answer:
    """Store that the source completed the order, and queue it."""
    async with call.deps.database.unit() as unit:
        order = (await _locked(unit, call)).order
        state = order.progress.state
        if state is State.CANCELLED or order.requested_action is RequestedAction.CANCEL:
            raise Refused(409, "order_cancelled", "The order is cancelled and cannot be completed.")
        if state is State.EXPIRED:
            raise Refused(409, "order_expired", "The order expired and was never sent to Clover. Send it again.")
        if not order.charge.is_covered:
            raise Refused(409, "order_unpaid", "The order is not paid in full and cannot be completed before it is.")
        if state is not State.DONE:
            await _request(unit, order, RequestedAction.COMPLETE, TimelineEvent.COMPLETE_REQUESTED)
    return await _answer(call, order, 200 if state is State.DONE else 202)


async def cancel_order(call: Call[Deps, Nothing]) -> Answer:
    """Cancel an order of which nothing is in Clover; for any other, store the cancellation and queue it."""
    async with call.deps.database.unit() as unit:
        order = (await _locked(unit, call)).order
        state = order.progress.state
        if state is State.DONE:
            raise Refused(409, "order_completed", "The order is completed; refund it at the till instead.")
        if state is not State.CANCELLED and order.is_only_here:
            await _cancel_unsent(unit, order)
            state = State.CANCELLED
        elif state is not State.CANCELLED:
            await _request(unit, order, RequestedAction.CANCEL, TimelineEvent.CANCEL_REQUESTED)
    return await _answer(call, order, 200 if state is State.CANCELLED else 202)


async def retry_order(call: Call[Deps, Nothing]) -> Answer:
    """Queue an unfinished order for an attempt now."""
    async with call.deps.database.unit() as unit:
        stored = await _locked(unit, call)
        if stored.held_problem in SETUP_CODES:  # it goes with all others once the missing part is found
            unit.mark(FIND_SETUP, call.merchant_id, SETUP_KEY, priority=Priority.LIVE)
        elif stored.order.waits:
            await store.holding.attempt_now(unit, stored.order)
    return await _answer(call, stored.order, 202 if stored.order.waits else 200)


async def update_fulfillment(call: Call[Deps, None]) -> Answer:
    """Refuse the update with the reason."""
    async with call.deps.database.connection() as conn:
        await resolve(conn, call, call.query)
    raise Refused(422, "clover_cannot_ship_updates", CANNOT_SHIP)


async def _request(unit: Unit, order: Order, action: RequestedAction, event: TimelineEvent) -> None:
    await store.orders.request(unit, order, action)
    store.timeline.add(unit, order.merchant_id, order.reference, Entry(event))
    await store.holding.attempt_now(unit, order)


async def _cancel_unsent(unit: Unit, order: Order) -> None:
    """Cancel the order without a call, as nothing of it is in Clover."""
    await store.orders.record(unit, order, order.progress.reached(State.CANCELLED))
    store.timeline.add(unit, order.merchant_id, order.reference, Entry(TimelineEvent.CANCELLED))
    await store.holding.unqueue(unit, order)
    unit.emit(OrderCancelled(**order.ids, clover_order_id=None))


async def _locked(unit: Unit, call: Call[Deps, Nothing]) -> StoredOrder:
    reference = await resolve(unit.conn, call, call.query)
    stored = await store.orders.find_and_lock(unit.conn, call.deps.payloads, call.merchant_id, reference)
    if stored is None:
        raise RuntimeError("orders are never deleted")
    return stored


async def _answer(call: Call[Deps, Nothing], order: Order, status: int) -> Answer:
    return Answer(status, await detail(call.deps, call.merchant_id, order.reference))
