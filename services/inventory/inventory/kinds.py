"""The names of inventory's kinds of work; `sync.SYNC` holds their functions."""

READ_STOCK = "read_stock"
"""Bring Clover's count of an item into the ledger; the key is the item id."""

PUSH_STOCK = "push_stock"
"""Bring our stock of an item into Clover; the key is the item id."""

SWEEP = "sweep"
"""Read all counts of the merchant; the only key is ALL_ITEMS."""

ALL_ITEMS = "item_stocks"

COMPARE_LINKS = "compare_links"
"""Compare the merchant's links with catalog's; the only key is `common.comparison.LINKS`."""
