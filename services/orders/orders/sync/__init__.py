"""Orders' work in Clover: orders are pushed to their target, a missing setup is looked for, and sales are read."""

from collections.abc import Sequence

from common.contracts.problems import Code
from common.work.kind import Kind
from orders.kinds import (
    ANNOUNCE_EXPIRY,
    COMPARE_LINKS,
    CREATE_ORDER_TYPE,
    EXPIRE_ORDERS,
    FIND_PAYMENT,
    FIND_SETUP,
    PUSH_ORDER,
    READ_SALE,
    RELEASE_HELD,
    SWEEP_SALES,
)
from orders.sync.expiry import announce_expiry, expire_orders
from orders.sync.links import compare_links
from orders.sync.orders import note_outcomes, note_released, push_order
from orders.sync.release import release_held
from orders.sync.sales import find_payment, read_sale, sweep_sales
from orders.sync.setup import create_order_type, find_setup

SYNC: Sequence[Kind] = [
    Kind(
        PUSH_ORDER,
        push_order,
        refused=Code.ORDER_REJECTED,
        batch=100,
        on_outcomes=note_outcomes,
        on_released=note_released,
    ),
    Kind(RELEASE_HELD, release_held, refused=Code.CONNECTION_LOST, batch=1),
    Kind(FIND_SETUP, find_setup, refused=Code.CONNECTION_LOST, batch=1),
    Kind(CREATE_ORDER_TYPE, create_order_type, refused=Code.ORDER_TYPE_MISSING, batch=1),
    Kind(EXPIRE_ORDERS, expire_orders, refused=Code.ORDERS_EXPIRING, batch=1),
    Kind(ANNOUNCE_EXPIRY, announce_expiry, refused=Code.ORDERS_EXPIRING, batch=500),
    Kind(COMPARE_LINKS, compare_links, refused=Code.ORDER_REJECTED, batch=1),
    Kind(READ_SALE, read_sale, refused=Code.SALE_UNREADABLE, batch=50),
    Kind(FIND_PAYMENT, find_payment, refused=Code.SALE_UNREADABLE, batch=200),
    Kind(SWEEP_SALES, sweep_sales, refused=Code.SALE_UNREADABLE, batch=1),
]
