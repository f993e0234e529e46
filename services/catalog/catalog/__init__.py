"""Clover connections, tokens, call quota, products and links."""
