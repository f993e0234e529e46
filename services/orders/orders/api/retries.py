"""Retries many held orders at once."""

from typing import Annotated

from pydantic import BaseModel, Field

from common.contracts.problems import Code
from common.db import merchants
from common.db.unit import Priority
from common.http.routes import Answer, Call, Input
from orders import store
from orders.deps import Deps
from orders.domain.setup import SETUP_CODES
from orders.kinds import FIND_SETUP, SETUP_KEY


class RetryInput(Input):
    """The orders to retry."""

    problem: Annotated[
        Code | None, Field(description="Retry only orders that this problem holds; all held orders without it.")
    ] = None


class Retried(BaseModel):
    """The orders that are retried."""

    orders: Annotated[int, Field(description="The number of held orders that are attempted again, oldest first.")]


async def retry_orders(call: Call[Deps, RetryInput]) -> Answer:
    """Release the held orders; those that wait for the setup have it looked for."""
    await merchants.find_or_fetch(call.deps.database, call.deps.catalog, call.merchant_id)
    async with call.deps.database.unit() as unit:
        held = await store.holding.count_held(unit.conn, call.merchant_id)
        chosen = {code: held[code] for code in held if call.input.problem in {None, code}}
        for code in chosen:
            if code in SETUP_CODES:
                unit.mark(FIND_SETUP, call.merchant_id, SETUP_KEY, priority=Priority.LIVE)
            else:
                await store.holding.release(unit, call.merchant_id, code)
    return Answer(202, Retried(orders=sum(chosen.values())))
