"""Values that the unit tests of inventory share."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from inventory.domain.levels import Level

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DEADLINE = NOW + timedelta(seconds=40)
ITEM, OTHER = "ITEM000000001", "ITEM000000002"

quantities = st.integers(-100_000, 100_000)


def level(on_hand: int | None, shadow: int | None, sku: str = "SKU-1") -> Level:
    return Level(ITEM, sku, on_hand, shadow, version=7, unread_delta=None)
