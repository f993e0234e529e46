"""The rules of catalog: pure functions on values."""
