"""Answers where orders are."""

from common.db import merchants
from common.http.paging import part
from common.http.routes import Call, Nothing
from orders import store
from orders.api.bodies import OrdersQuery
from orders.api.views import Listing, OrderWithTimeline, find, view
from orders.deps import Deps


async def get_order(call: Call[Deps, Nothing]) -> OrderWithTimeline:
    """The order with its timeline."""
    return await find(call.deps, call.merchant_id, call.path["source_id"])


async def list_orders(call: Call[Deps, OrdersQuery]) -> Listing:
    """A page of the merchant's orders."""
    asked = call.input
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        found = await store.page(conn, call.merchant_id, asked.state, asked.cursor or 0, asked.limit + 1)
    shown, last = part(found, asked.limit)
    return Listing(orders=[view(each) for each in shown], next=last.arrival if last else None)
