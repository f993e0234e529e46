"""The rules of stock: pure functions on values."""
