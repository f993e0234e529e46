"""Answers questions about orders."""

from common.db import merchants
from common.http.paging import part
from common.http.routes import Call, Nothing
from orders import store
from orders.api.requests import OrdersQuery
from orders.api.responses import OrderDetail, OrderPage, detail, summary
from orders.deps import Deps


async def get_order(call: Call[Deps, Nothing]) -> OrderDetail:
    """Return the order with its timeline."""
    return await detail(call.deps, call.merchant_id, call.path["source_id"])


async def list_orders(call: Call[Deps, OrdersQuery]) -> OrderPage:
    """Return a page of the merchant's orders."""
    query = call.input
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        found = await store.orders.page(conn, call.merchant_id, query.state, query.cursor or 0, query.limit + 1)
    page, last = part(found, query.limit)
    return OrderPage(orders=[summary(each) for each in page], next=last.arrival if last else None)
