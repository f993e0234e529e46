"""Releases the orders that a problem held, portion by portion."""

from datetime import timedelta

from common.contracts.problems import Code
from common.work.batch import Batch
from orders import store
from orders.deps import Deps
from orders.domain.setup import SETUP_CODES


async def release_held(batch: Batch, deps: Deps) -> None:  # noqa: ARG001 - the form of a sync function
    """Make the next portion due. It is taken after the orders that are due already, so that few are due at a time."""
    for key in batch.keys:
        code = Code(key)
        async with batch.unit() as unit:
            setup = await store.setup.find(unit.conn, batch.merchant_id)
            if code in SETUP_CODES and not setup.complete:  # it is missing again; all would be held once more
                continue
            released = await store.holding.release_portion(unit, batch.merchant_id, code)
        if released == store.holding.PORTION:
            batch.repeat(key, timedelta(0))
