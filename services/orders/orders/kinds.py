"""The names of orders' kinds of work; `sync.SYNC` holds their functions."""

PUSH_ORDER = "push_order"
"""Bring an order to its target in Clover; the key is its reference."""

FIND_SETUP = "find_setup"
"""Look for a missing order type or tender; the only key is SETUP_KEY."""

SETUP_KEY = "setup"

COMPARE_LINKS = "compare_links"
"""Compare the merchant's links with catalog's; the only key is `common.comparison.LINKS`."""
