"""What orders does in Clover: each order brought as far as it can go, and what Clover must have first looked for."""

from collections.abc import Sequence
from dataclasses import replace

from common.contracts.problems import Code
from common.errors import Again
from common.work.batch import Batch, Kind
from orders import store
from orders.deps import Deps
from orders.domain.order import PUSH_ORDER
from orders.domain.setup import FIND_SETUP
from orders.sync.courier import Courier
from orders.sync.pauses import told
from orders.sync.setup import find_setup


async def push_order(batch: Batch, deps: Deps) -> None:
    """Bring each order as far as it can go, oldest first; one that cannot go on does not stop the next."""
    async with batch.database.connection() as conn:
        orders = await store.find(conn, batch.merchant_id, batch.keys)
        pause = await store.pause(conn, batch.merchant_id)
    waiting = [order for order in orders if order.waits]
    if not waiting:
        return
    if pause.until is not None and pause.until > batch.now:
        raise Again(pause.until - batch.now, told(pause.count))
    async with deps.clover.session(batch.merchant_id) as api:
        courier = Courier(batch, deps, api, pause.count)
        for order in waiting:
            await courier.take(order if api.region == "us" else replace(order, customer=None))


SYNC: Sequence[Kind] = [
    Kind(PUSH_ORDER, push_order, refused=Code.ORDER_REJECTED, batch=20),
    Kind(FIND_SETUP, find_setup, refused=Code.CONNECTION_LOST, batch=1),
]
