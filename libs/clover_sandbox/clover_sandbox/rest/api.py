"""All paths of the REST API in one router."""

from clover_sandbox.rest import (
    atomic,
    customers,
    items,
    labels,
    lines,
    order_types,
    orders,
    payments,
    shop,
    stocks,
)
from clover_sandbox.rest.routes import Router

FAMILIES = (shop, items, labels, stocks, orders, lines, payments, atomic, order_types, customers)


def build_router() -> Router:
    """The router over every family; some paths exist without allowing anything (recorded 405s)."""
    routes = [route for family in FAMILIES for route in family.ROUTES]
    return Router(routes, [*items.KNOWN, *payments.KNOWN])
