"""Has the order type created in the merchant's Clover."""

from typing import Annotated

from pydantic import BaseModel, Field

from common.db import merchants
from common.db.unit import Priority
from common.http.routes import Answer, Call, Nothing
from orders import store
from orders.deps import Deps
from orders.domain.setup import ORDER_TYPE
from orders.kinds import CREATE_ORDER_TYPE, SETUP_KEY


class OrderTypeSetup(BaseModel):
    """The order type that QuickSync files orders under."""

    label: Annotated[str, Field(description="Its label in Clover.")]
    order_type_id: Annotated[
        str | None, Field(description="Its id in Clover as last seen; null while it is not known to be there.")
    ]


async def create_order_type(call: Call[Deps, Nothing]) -> Answer:
    """Queue the creation of the order type."""
    await merchants.find_or_fetch(call.deps.database, call.deps.catalog, call.merchant_id)
    async with call.deps.database.unit() as unit:
        seen = await store.setup.find(unit.conn, call.merchant_id)
        unit.mark(CREATE_ORDER_TYPE, call.merchant_id, SETUP_KEY, priority=Priority.LIVE)
    return Answer(202, OrderTypeSetup(label=ORDER_TYPE, order_type_id=seen.order_type_id))
