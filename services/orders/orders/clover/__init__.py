"""The calls to Clover that orders makes, by their subject."""

from orders.clover.customers import attach_customer, create_customer, find_created, find_customer
from orders.clover.items import has_item, is_sold_by_weight
from orders.clover.orders import (
    NewRow,
    add_lines,
    create_order,
    delete_order,
    find_orders,
    lock_order,
    pay,
    remove_line,
    set_total,
    show_order,
    update_order,
)
from orders.clover.setup import create_order_type, find_order_type, find_tender, read_books

__all__ = [
    "NewRow",
    "add_lines",
    "attach_customer",
    "create_customer",
    "create_order",
    "create_order_type",
    "delete_order",
    "find_created",
    "find_customer",
    "find_order_type",
    "find_orders",
    "find_tender",
    "has_item",
    "is_sold_by_weight",
    "lock_order",
    "pay",
    "read_books",
    "remove_line",
    "set_total",
    "show_order",
    "update_order",
]
