"""The API of orders: orders are submitted, listed, completed, cancelled and retried."""

from common.http.paging import PageByNumber
from common.http.routes import CSV, PathParameter, Route, Tag
from orders.api import examples
from orders.api.address import OrderAddress
from orders.api.choices import OrderSettings, OrderSettingsInput, get_order_settings, put_order_settings
from orders.api.commands import cancel_order, complete_order, retry_order, update_fulfillment
from orders.api.held_csv import HeldQuery, export_held
from orders.api.queries import get_order, list_orders
from orders.api.requests import LARGEST_BODY, OrderInput, OrdersQuery, SubmitQuery
from orders.api.responses import OrderDetail, OrderPage
from orders.api.retries import Retried, RetryInput, retry_orders
from orders.api.sales import SalesPage, list_sales
from orders.api.setup import OrderTypeSetup, create_order_type
from orders.api.submit import put_order

ORDERS = "/v1/merchants/{merchant_id}/orders"
ORDER = f"{ORDERS}/{{source_id}}"

AMBIGUOUS = (
    "Where several stores have an order with this id, the query parameters `channel` and `store` choose one; without "
    "them the answer is 409 `ambiguous_order`, which names the stores."
)

TAG = Tag("Orders", "Orders of other stores, each brought into Clover exactly once, exact to the cent and paid.")
SALES_TAG = Tag("Sales", "Sales that were made in Clover itself, such as at the till. Orders sent to Clover are none.")
SOURCE_ID = {
    "source_id": PathParameter(
        "The order's id in the source store. 1 to 120 letters, digits and `.` `:` `#` `/` `+` `=` `~` `-` `_`, "
        "percent-encoded where a path requires it.",
        "o-1001",
        pattern="^[A-Za-z0-9_.:#/+=~-]+$",
    )
}

SETUP_TAG = Tag("Setup", "What Clover needs before orders can be sent.")

ROUTES = [
    Route(
        "POST",
        "/v1/merchants/{merchant_id}/setup/order_type",
        create_order_type,
        "orders:write",
        gives=OrderTypeSetup,
        status=202,
        summary="Create the order type",
        description="Has the order type “QuickSync” created in Clover unless it is there, and sends the orders that "
        "wait for it. Otherwise the merchant adds it under Setup → Order Types.",
        tags=(SETUP_TAG,),
        gives_example={"label": "QuickSync", "order_type_id": None},
    ),
    Route(
        "GET",
        "/v1/merchants/{merchant_id}/order-settings",
        get_order_settings,
        "orders:read",
        gives=OrderSettings,
        summary="Get the order settings",
        description="Returns the choices of the merchant for its orders.",
        tags=(SETUP_TAG,),
        gives_example={"unlinked_skus": "hold"},
    ),
    Route(
        "PUT",
        "/v1/merchants/{merchant_id}/order-settings",
        put_order_settings,
        "orders:write",
        takes=OrderSettingsInput,
        gives=OrderSettings,
        summary="Set the order settings",
        description="Stores the choices of the merchant. Orders that wait for a link are attempted again.",
        tags=(SETUP_TAG,),
        example={"unlinked_skus": "hold"},
        gives_example={"unlinked_skus": "hold"},
    ),
    Route(
        "GET",
        f"{ORDERS}.csv",
        export_held,
        "orders:read",
        takes=HeldQuery,
        gives=CSV,
        summary="Export held orders",
        description="Returns the orders that wait for a person as a table, oldest first, with the problem, the reason "
        "and the remedy. A text that a spreadsheet would take for a formula begins with an apostrophe.",
        tags=(TAG,),
        example={"problem": "order_type_missing"},
        gives_example=examples.HELD_CSV,
    ),
    Route(
        "POST",
        f"{ORDERS}:retry",
        retry_orders,
        "orders:write",
        takes=RetryInput,
        gives=Retried,
        status=202,
        summary="Retry held orders",
        description="Attempts all held orders again, or those that one problem holds, oldest first. Orders that wait "
        "for the order type or the tender are sent once that is found, which is looked for now.",
        tags=(TAG,),
        example={"problem": "clover_unreachable"},
        gives_example={"orders": 0},
    ),
    Route(
        "GET",
        "/v1/merchants/{merchant_id}/sales",
        list_sales,
        "orders:read",
        takes=PageByNumber,
        gives=SalesPage,
        summary="List sales made in Clover",
        description="Returns the sales made in Clover since it was connected, at the till or by another app there, "
        "each as it stands now: paid orders, less refunds, exchanges and voids. Unpaid orders, such as price "
        "checks and parked tabs, are not sales.",
        tags=(SALES_TAG,),
        example={"limit": 100},
        gives_example=examples.SALES,
    ),
    Route(
        "PUT",
        ORDER,
        put_order,
        "orders:write",
        takes=OrderInput,
        max_body=LARGEST_BODY,
        query=SubmitQuery,
        gives=OrderDetail,
        status=202,
        also=(200, 409),
        summary="Create or correct an order",
        description="Stores an order of another store and queues it for Clover. `channel` and the id identify an "
        "order: two stores may use the same id. The call is idempotent: repeating it with the same order, its "
        "lines in any sequence, answers 200 and changes nothing. While nothing of the order is in Clover, a "
        "different order under the same id corrects it and answers 202; while it is being sent, 409 "
        "`order_being_sent` with `Retry-After`; once it is in Clover, 409 `order_differs` with the fields that "
        "differ, or with `?edit=true` 202: lines that changed are removed there and added anew, further payments "
        "are recorded, and `notices` names the steps that no app may take. The id of an order that was cancelled "
        "before it was sent can be used again. The answer is 202 once the order is stored durably; follow its "
        "`state` from there. Lines, discounts, shipping, fees, added taxes and tips must come to `total`; "
        "otherwise the answer is 422 with both sums.",
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
        takes=OrderAddress,
        gives=OrderDetail,
        also=(409,),
        summary="Get an order",
        description="Returns an order with its state, the problem that holds it, if any, and its timeline. "
        f"{AMBIGUOUS}",
        tags=(TAG,),
        gives_example=examples.PAID,
        path_parameters=SOURCE_ID,
    ),
    Route(
        "POST",
        f"{ORDER}/complete",
        complete_order,
        "orders:write",
        query=OrderAddress,
        gives=OrderDetail,
        status=202,
        also=(200, 409),
        summary="Complete an order",
        description="Marks the order as completed. It becomes `done` once Clover shows it paid and locked; a paid "
        "order that is still open is locked first. Answers 200 when it is `done` already, 409 when it is cancelled. "
        f"{AMBIGUOUS}",
        tags=(TAG,),
        gives_example=examples.COMPLETING,
        path_parameters=SOURCE_ID,
    ),
    Route(
        "POST",
        f"{ORDER}/cancel",
        cancel_order,
        "orders:write",
        query=OrderAddress,
        gives=OrderDetail,
        status=202,
        also=(200, 409),
        summary="Cancel an order",
        description="Cancels the order. One of which nothing is in Clover is cancelled at once and answers 200; any "
        "other is deleted in Clover, after a look-up when it is not known whether it got there. If Clover refuses to "
        "delete it, the order is `held` with the problem `cancellation_refused`. Answers 409 when it is `done`. "
        f"{AMBIGUOUS}",
        tags=(TAG,),
        gives_example=examples.CANCELLING,
        path_parameters=SOURCE_ID,
    ),
    Route(
        "POST",
        f"{ORDER}/retry",
        retry_order,
        "orders:write",
        query=OrderAddress,
        gives=OrderDetail,
        status=202,
        also=(200, 409),
        summary="Retry an order",
        description="Attempts an unfinished order now, whether it is held, rejected or scheduled for later. Answers "
        "200 when nothing is left to do. An order that waits for the order type or the tender has these looked for, "
        "and every order that waits for them is sent once they are found. "
        f"{AMBIGUOUS}",
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
        query=OrderAddress,
        also=(409, 422),
        status=422,
        summary="Update the fulfillment of an order (not supported)",
        description="Always answers 422 with the reason: Clover cannot send shipping updates back to the source store.",
        tags=(TAG,),
        path_parameters=SOURCE_ID,
    ),
]
