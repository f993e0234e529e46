"""The names of orders' kinds of work; `sync.SYNC` holds their functions."""

PUSH_ORDER = "push_order"
"""Bring an order to its target in Clover; the key is its reference."""

RELEASE_HELD = "release_held"
"""Release the next portion of the orders that a problem held; the key is its code."""

EXPIRE_ORDERS = "expire_orders"
"""End held orders at their age limit; the only key is the name of the kind."""

ANNOUNCE_EXPIRY = "announce_expiry"
"""Report a held order that expires soon; the key is its reference."""

FIND_SETUP = "find_setup"
"""Look for a missing order type or tender; the only key is SETUP_KEY."""

SETUP_KEY = "setup"

CREATE_ORDER_TYPE = "create_order_type"
"""Create the order type where it is missing; the only key is SETUP_KEY."""

COMPARE_LINKS = "compare_links"
"""Compare the merchant's links with catalog's; the only key is `common.comparison.LINKS`."""

READ_SALE = "read_sale"
"""Read an order in Clover and publish its sale; the key is its id there."""

FIND_PAYMENT = "find_payment"
"""Have the sale of a payment read whose order no webhook named; the key is the payment's id."""

SWEEP_SALES = "sweep_sales"
"""Read every order that changed in Clover since the last sweep; the only key is SALES_KEY."""

SALES_KEY = "sales"
