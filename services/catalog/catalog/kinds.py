"""The names of catalog's kinds of work; `sync.SYNC` maps each to its function."""

PUSH_PRODUCT = "push_product"
"""Write a product to Clover; the key is the product id."""
