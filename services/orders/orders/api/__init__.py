"""The HTTP side of orders: orders taken in, looked at, completed, cancelled and tried again."""

from common.http.routes import Route
from orders.api.asking import get_order, list_orders
from orders.api.bodies import OrderIn, OrdersQuery
from orders.api.taking import put_order
from orders.api.views import Listing, OrderWithTimeline
from orders.api.wishes import cancel_order, complete_order, retry_order, update_fulfillment

ORDERS = "/v1/merchants/{merchant_id}/orders"
ORDER = f"{ORDERS}/{{source_id}}"

ROUTES = [
    Route(
        "PUT",
        ORDER,
        put_order,
        "orders:write",
        takes=OrderIn,
        gives=OrderWithTimeline,
        status=202,
        also=(200, 409),
        summary="Take an order of another store and have it sent to Clover",
    ),
    Route(
        "GET",
        ORDERS,
        list_orders,
        "orders:read",
        takes=OrdersQuery,
        gives=Listing,
        summary="List orders by order of arrival",
    ),
    Route(
        "GET",
        ORDER,
        get_order,
        "orders:read",
        gives=OrderWithTimeline,
        summary="Where an order is, and how it got there",
    ),
    Route(
        "POST",
        f"{ORDER}/complete",
        complete_order,
        "orders:write",
        gives=OrderWithTimeline,
        status=202,
        also=(200, 409),
        summary="Mark an order as completed",
    ),
    Route(
        "POST",
        f"{ORDER}/cancel",
        cancel_order,
        "orders:write",
        gives=OrderWithTimeline,
        status=202,
        also=(200, 409),
        summary="Cancel an order, in Clover too if it got there",
    ),
    Route(
        "POST",
        f"{ORDER}/retry",
        retry_order,
        "orders:write",
        gives=OrderWithTimeline,
        status=202,
        also=(200,),
        summary="Try an order again now",
    ),
    Route(
        "POST",
        f"{ORDER}/fulfillments",
        update_fulfillment,
        "orders:write",
        takes=None,
        also=(422,),
        status=422,
        summary="Refused: Clover cannot send shipping updates",
    ),
]
