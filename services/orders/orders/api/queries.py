"""Answers questions about orders."""

from common.db import merchants
from common.http.paging import part
from common.http.routes import Call
from orders import store
from orders.api.address import OrderAddress, resolve
from orders.api.requests import OrdersQuery
from orders.api.responses import OrderDetail, OrderPage, detail, summary
from orders.deps import Deps


async def get_order(call: Call[Deps, OrderAddress]) -> OrderDetail:
    """Return the order with its timeline."""
    async with call.deps.database.connection() as conn:
        reference = await resolve(conn, call, call.input)
    return await detail(call.deps, call.merchant_id, reference)


async def list_orders(call: Call[Deps, OrdersQuery]) -> OrderPage:
    """Return a page of the merchant's orders."""
    query, deps = call.input, call.deps
    await merchants.find_or_fetch(deps.database, deps.catalog, call.merchant_id)
    async with deps.database.connection() as conn:
        found = await store.lists.page(conn, call.merchant_id, query.state, query.cursor or 0, query.limit + 1)
    page, last = part(found, query.limit)
    return OrderPage(orders=[summary(each) for each in page], next=last.arrival if last else None)
