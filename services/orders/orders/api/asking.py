"""Answers where orders are."""

from common import merchants
from common.http.routes import Call, Nothing
from orders import store
from orders.api.bodies import Page
from orders.api.views import Listing, OrderWithTimeline, find, view
from orders.sync.deps import Deps


async def get_order(call: Call[Deps, Nothing]) -> OrderWithTimeline:
    """The order with its timeline."""
    return await find(call.deps, call.merchant_id, call.path["source_id"])


async def list_orders(call: Call[Deps, Page]) -> Listing:
    """A page of the merchant's orders."""
    page = call.input
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        found = await store.page(conn, call.merchant_id, page.state, page.cursor, page.limit)
    following = found[-1].arrival if len(found) == page.limit else None
    return Listing(orders=[view(each) for each in found], next_cursor=following)
