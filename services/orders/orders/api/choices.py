"""The merchant's choices for its orders."""

from typing import Annotated

from pydantic import BaseModel, Field

from common.contracts.problems import Code
from common.db import merchants
from common.http.routes import Call, Input, Nothing
from orders import store
from orders.deps import Deps
from orders.domain.waiting import UnlinkedSkus

ABOUT = (
    "What happens to orders with SKUs that are not linked to an item in Clover. `send`: their lines go as named custom "
    "lines, which take no stock. `hold`: the order waits until its SKUs are linked."
)


class OrderSettings(BaseModel):
    """The merchant's choices for its orders."""

    unlinked_skus: Annotated[UnlinkedSkus, Field(description=ABOUT)]


class OrderSettingsInput(Input):
    """The merchant's choices for its orders."""

    unlinked_skus: Annotated[UnlinkedSkus, Field(description=ABOUT)]


async def get_order_settings(call: Call[Deps, Nothing]) -> OrderSettings:
    """Return the choices."""
    await merchants.find_or_fetch(call.deps.database, call.deps.catalog, call.merchant_id)
    async with call.deps.database.connection() as conn:
        return OrderSettings(unlinked_skus=await store.setup.unlinked_skus(conn, call.merchant_id))


async def put_order_settings(call: Call[Deps, OrderSettingsInput]) -> OrderSettings:
    """Store the choices, and attempt the orders again that waited for a link."""
    await merchants.find_or_fetch(call.deps.database, call.deps.catalog, call.merchant_id)
    async with call.deps.database.unit() as unit:
        await store.setup.save_unlinked_skus(unit, call.merchant_id, call.input.unlinked_skus)
        await store.holding.release(unit, call.merchant_id, Code.SKU_UNLINKED)
    return OrderSettings(unlinked_skus=call.input.unlinked_skus)
