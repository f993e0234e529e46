"""Writes an order's progress, and makes the writes into Clover that must not be doubled."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from common.contracts.envelope import Event
from common.errors import Ambiguous, Conflict, Permanent, Transient
from common.work.batch import Batch
from orders import store
from orders.domain.order import Order
from orders.domain.progress import Progress, Step
from orders.sync.pauses import Pausing

T = TypeVar("T")


class Writer:
    """Notes before each write that it is under way, and after it how it ended."""

    def __init__(self, batch: Batch, pausing: Pausing) -> None:
        self._batch = batch
        self._pausing = pausing

    async def send(self, order: Order, step: Step, call: Callable[[], Awaitable[T]]) -> tuple[Order, T]:
        """Make a write that must not be doubled: announced before, in doubt unless Clover says how it ended."""
        order = await self.save(order, order.progress.begin(step), "submitting" if step is Step.ORDER else "")
        try:
            return order, await call()
        except (Transient, Permanent) as error:
            await self.save(order, order.progress.not_applied(), "not taken", str(step))
            if step is Step.ORDER and isinstance(error, Transient):
                raise await self._pausing.stop(error) from error
            raise
        except Ambiguous:
            await self.save(order, order.progress.in_doubt(self._batch.now), "unknown", str(step))
            raise

    async def save(self, order: Order, progress: Progress, step: str = "", detail: str = "", *events: Event) -> Order:
        async with self._batch.unit() as unit:
            if not await store.save(unit, order, progress):
                raise Conflict("the order changed meanwhile")
            if step:
                store.note_step(unit, order.merchant_id, order.source_id, step, detail)
            unit.emit(*events)
        return replace(order, progress=progress)

    async def reread(self, order: Order) -> Order:
        """The order as it stands in the database now, without a customer if it was taken without."""
        async with self._batch.database.connection() as conn:
            [found] = await store.find(conn, order.merchant_id, [order.source_id])
        return replace(found, customer=order.customer)
