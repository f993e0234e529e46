"""Collects the routes of all families in one router."""

from clover_sandbox.rest import (
    atomic,
    customers,
    item_associations,
    items,
    lines,
    merchant_profile,
    order_types,
    orders,
    payments,
    stocks,
    variants,
)
from clover_sandbox.rest.routes import Router

FAMILIES = (
    merchant_profile,
    items,
    variants,
    item_associations,
    stocks,
    orders,
    lines,
    payments,
    atomic,
    order_types,
    customers,
)


def build_router() -> Router:
    """Build the router. Some paths exist but allow no method (recorded 405s)."""
    routes = [route for family in FAMILIES for route in family.ROUTES]
    return Router(routes, [*items.KNOWN, *payments.KNOWN])
