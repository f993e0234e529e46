"""Pushes the due orders of a merchant, several side by side, and shows on each how far it got."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from common.contracts.problems import Code
from common.db.unit import Unit
from common.work.batch import Batch
from common.work.row import Hold, Outcome, Retry
from orders import store
from orders.deps import Deps
from orders.domain.order import Order
from orders.domain.waiting import UnlinkedSkus
from orders.store.holding import Schedule
from orders.sync.products import hold_back, hold_unlinked
from orders.sync.push import OrderPusher, drop_cancelled
from orders.sync.setup import SetupCheck
from orders.sync.writes import WriteContext

Ready = tuple[Order | None, Mapping[str, str]]
"""An order that can be pushed, and the items of its SKUs; None of a large order, which is read when its turn comes."""


async def push_order(batch: Batch, deps: Deps) -> None:
    """Bring each order as far as it can go, several side by side; one that cannot go on does not stop the next.

    Further due orders join while the last of these are under way, so a backlog keeps all granted calls in flight.
    """
    ready = await _ready(batch, deps, batch.keys)
    if not ready:
        return
    async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:
        context = WriteContext(api, SetupCheck(batch, api), deps.sealer, {}, batch)
        reading = asyncio.Lock()

        async def push(reference: str) -> None:
            kept, items = ready.pop(reference)
            async with reading:  # first come, first served: none is created before one that came earlier
                order = kept or await _read_again(batch, deps, reference)
            own = replace(context, items=dict(items))  # an item that Clover refuses is refused for one order
            sent = order if api.region == "us" else replace(order, customer=None)
            await OrderPusher(batch, deps, api, own).push(sent)

        async def prepare(references: Sequence[str]) -> Sequence[str]:
            further = await _ready(batch, deps, references)
            ready.update(further)
            return list(further)

        await batch.for_each(
            list(ready),
            push,
            rejected=Code.ORDER_REJECTED,
            concurrency=lambda: api.concurrency,
            prepare=prepare,
        )


async def _ready(batch: Batch, deps: Deps, references: Sequence[str]) -> dict[str, Ready]:
    """Return those of these orders that can be pushed now."""
    async with batch.database.connection() as conn:
        portions = await store.orders.portions(conn, batch.merchant_id, references)
    ready: dict[str, Ready] = {}
    for number, portion in enumerate(portions):
        orders, items = await _ready_of(batch, deps, portion)
        ready |= {each.reference: (each if number == 0 else None, items) for each in orders}
    return ready


async def _ready_of(batch: Batch, deps: Deps, references: Sequence[str]) -> tuple[Sequence[Order], Mapping[str, str]]:
    """Return those of these orders that can be pushed now, and the items of their SKUs."""
    async with batch.database.connection() as conn:
        found = await store.orders.find(conn, deps.payloads, batch.merchant_id, references)
        orders = [order for order in found if order.waits]
        drop_cancelled(batch, found)
        batch.subjects |= {order.reference: order.source.number for order in orders}
        if not orders:
            return [], {}
        items = dict(await store.links.find(conn, batch.merchant_id, _skus(orders)))
        unlinked_skus = await store.setup.unlinked_skus(conn, batch.merchant_id)
    orders = await hold_back(batch, deps, orders, items)
    if unlinked_skus is UnlinkedSkus.HOLD:
        orders = hold_unlinked(batch, orders, items)
    return orders, items


async def _read_again(batch: Batch, deps: Deps, reference: str) -> Order:
    """Read an order whose turn has come, and which was not kept because of its size."""
    async with batch.database.connection() as conn:
        [order] = await store.orders.find(conn, deps.payloads, batch.merchant_id, [reference])
    drop_cancelled(batch, [order])
    return order


async def note_outcomes(unit: Unit, merchant_id: str, outcomes: Mapping[str, Outcome | None]) -> None:
    """Write the columns that lists filter by and show on the orders themselves."""
    await store.holding.schedule(unit, merchant_id, [_schedule(key, each) for key, each in outcomes.items()])


async def note_released(unit: Unit, merchant_id: str, keys: Sequence[str]) -> None:
    """Show the orders as due."""
    await store.holding.schedule(unit, merchant_id, [Schedule(key, due_at=unit.now) for key in keys])


def _schedule(reference: str, outcome: Outcome | None) -> Schedule:
    match outcome:
        case None:
            return Schedule(reference)
        case Hold():
            return Schedule(reference, problem=outcome.problem, reason=outcome.reason or None)
        case Retry(failed=False, problem=None):
            return Schedule(reference, reason=outcome.reason or None, due_at=outcome.due)
        case _:
            return Schedule(reference, due_at=outcome.due)


def _skus(orders: Sequence[Order]) -> set[str]:
    return {sku for order in orders for sku in order.source.skus}
