"""The API of orders: orders are submitted, listed, completed, cancelled and retried."""

from common.http.routes import PathParameter, Route, Tag
from orders.api import examples
from orders.api.commands import cancel_order, complete_order, retry_order, update_fulfillment
from orders.api.queries import get_order, list_orders
from orders.api.requests import OrderInput, OrdersQuery
from orders.api.responses import OrderDetail, OrderPage
from orders.api.submit import put_order

ORDERS = "/v1/merchants/{merchant_id}/orders"
ORDER = f"{ORDERS}/{{source_id}}"

TAG = Tag("Orders", "Orders of other stores, each brought into Clover exactly once, exact to the cent and paid.")
SOURCE_ID = {
    "source_id": PathParameter(
        "The order's id in the source store. 1 to 120 letters, digits and `.` `:` `#` `/` `+` `=` `~` `-` `_`, "
        "percent-encoded where a path requires it.",
        "o-1001",
        pattern="^[A-Za-z0-9_.:#/+=~-]+$",
    )
}

ROUTES = [
    Route(
        "PUT",
        ORDER,
        put_order,
        "orders:write",
        takes=OrderInput,
        gives=OrderDetail,
        status=202,
        also=(200, 409),
        summary="Create an order",
        description="Stores an order of another store and queues it for Clover. The call is idempotent: repeating it "
        "with the same order answers 200 and changes nothing; a different order under the same id answers 409 and "
        "names the fields that differ. The answer is 202 once the order is stored durably; follow its `state` from "
        "there. Lines must add up to `total`.",
        tags=(TAG,),
        example=examples.ORDER,
        gives_example=examples.RECEIVED,
        path_parameters=SOURCE_ID,
    ),
    Route(
        "GET",
        ORDERS,
        list_orders,
        "orders:read",
        takes=OrdersQuery,
        gives=OrderPage,
        summary="List orders",
        description="Returns the merchant's orders in the order in which they were received, optionally only those in "
        "one state. Pass the `next` of a page as the `cursor` of the following request.",
        tags=(TAG,),
        example={"state": "paid", "limit": 100},
        gives_example=examples.PAGE,
    ),
    Route(
        "GET",
        ORDER,
        get_order,
        "orders:read",
        gives=OrderDetail,
        summary="Get an order",
        description="Returns an order with its state, the problem that holds it, if any, and its timeline.",
        tags=(TAG,),
        gives_example=examples.PAID,
        path_parameters=SOURCE_ID,
    ),
    Route(
        "POST",
        f"{ORDER}/complete",
        complete_order,
        "orders:write",
        gives=OrderDetail,
        status=202,
        also=(200, 409),
        summary="Complete an order",
        description="Marks the order as completed. It becomes `done` once Clover shows it paid and locked; a paid "
        "order that is still open is locked first. Answers 200 when it is `done` already, 409 when it is cancelled.",
        tags=(TAG,),
        gives_example=examples.COMPLETING,
        path_parameters=SOURCE_ID,
    ),
    Route(
        "POST",
        f"{ORDER}/cancel",
        cancel_order,
        "orders:write",
        gives=OrderDetail,
        status=202,
        also=(200, 409),
        summary="Cancel an order",
        description="Cancels the order. One that was never sent is cancelled at once and answers 200; any other is "
        "deleted in Clover, after a look-up when it is not known whether it got there. Answers 409 when it is `done`.",
        tags=(TAG,),
        gives_example=examples.CANCELLING,
        path_parameters=SOURCE_ID,
    ),
    Route(
        "POST",
        f"{ORDER}/retry",
        retry_order,
        "orders:write",
        gives=OrderDetail,
        status=202,
        also=(200,),
        summary="Retry an order",
        description="Attempts an unfinished order now, whether it is held, rejected or scheduled for later. Answers "
        "200 when nothing is left to do. An order that waits for the order type or the tender has these looked for, "
        "and every order that waits for them is sent once they are found.",
        tags=(TAG,),
        gives_example=examples.RETRYING,
        path_parameters=SOURCE_ID,
    ),
    Route(
        "POST",
        f"{ORDER}/fulfillments",
        update_fulfillment,
        "orders:write",
        takes=None,
        also=(422,),
        status=422,
        summary="Update the fulfillment of an order (not supported)",
        description="Always answers 422 with the reason: Clover cannot send shipping updates back to the source store.",
        tags=(TAG,),
        path_parameters=SOURCE_ID,
    ),
]
