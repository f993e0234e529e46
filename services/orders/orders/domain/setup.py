"""What Clover must have before an order can be sent, and how often a missing part is looked for."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from common.contracts.problems import Code

SETUP_CODES = (Code.ORDER_TYPE_MISSING, Code.TENDER_MISSING)
"""The problems of the parts of the setup, in their order."""

ORDER_TYPE = "QuickSync"
"""The label of the order type, exactly and in this case; spaces around it do not matter."""
TENDER_KEY = "com.clover.tender.external_payment"
"""The tender is known by its key: its label is translated in Europe (documented)."""

SETUP_FRESH = timedelta(seconds=60)
FIRST_LOOK = timedelta(seconds=10)
LAST_LOOK = timedelta(minutes=10)


@dataclass(frozen=True)
class Setup:
    """What the merchant's Clover must have before an order can be sent; None is what was looked for and not found."""

    order_type_id: str | None = None
    tender_id: str | None = None
    checked_at: datetime | None = None
    missing_since: datetime | None = None

    @property
    def parts(self) -> tuple[str | None, str | None]:
        """The order type and the tender."""
        return self.order_type_id, self.tender_id

    @property
    def complete(self) -> bool:
        return None not in self.parts

    def is_fresh(self, now: datetime) -> bool:
        return self.checked_at is not None and now - self.checked_at < SETUP_FRESH

    def found(self, order_type_id: str | None, tender_id: str | None, now: datetime) -> "Setup":
        """What a look into Clover found."""
        seen = Setup(order_type_id, tender_id, now)
        return seen if seen.complete else replace(seen, missing_since=self.missing_since or now)

    def look_again_after(self, now: datetime) -> timedelta:
        """The pause before it is looked for again."""
        return look_again_after(now - (self.missing_since or now))


def is_our_order_type(label: str | None) -> bool:
    """Whether this label is the one that the instructions for merchants name."""
    return (label or "").strip() == ORDER_TYPE


def look_again_after(missing_for: timedelta) -> timedelta:
    """When to look for the setup again: after 10 s at first, rarer the longer it is missing, 10 min at most."""
    return min(max(missing_for / 10, FIRST_LOOK), LAST_LOOK)
