"""The rules of orders: privacy, totals, the plan of writes, and when a write may be repeated."""
