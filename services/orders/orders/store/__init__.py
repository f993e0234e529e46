"""Every SQL statement of the orders schema, by subject. The store reads and writes; it emits no events."""

from orders.store import erasure, expiry, holding, links, lists, orders, payloads, sales, setup, timeline

__all__ = ["erasure", "expiry", "holding", "links", "lists", "orders", "payloads", "sales", "setup", "timeline"]
