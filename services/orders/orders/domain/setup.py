"""The order type and tender that Clover needs for our orders, and how often a missing one is looked for."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from common.contracts.problems import Code
from orders.domain.taxes import MerchantTaxes

SETUP_CODES = (Code.ORDER_TYPE_MISSING, Code.TENDER_MISSING)
"""The problem of each part of the setup, in the order of `Setup.parts`."""

ORDER_TYPE = "QuickSync"
"""The label of the order type. Case matters; spaces around it do not."""
TENDER_KEY = "com.clover.tender.external_payment"
"""The key of the tender, as its label is translated in Europe (documented)."""

SETUP_FRESH = timedelta(seconds=60)
FIRST_LOOK = timedelta(seconds=10)
LAST_LOOK = timedelta(minutes=10)


@dataclass(frozen=True)
class Books:
    """How the merchant's Clover counts money: its currency, None where Clover does not show it, and its taxes."""

    currency: str | None = None
    taxes: MerchantTaxes = field(default_factory=MerchantTaxes)


@dataclass(frozen=True)
class Setup:
    """The order type and tender in the merchant's Clover; None when one was looked for and not found.

    `books` are read when both are there.
    """

    order_type_id: str | None = None
    tender_id: str | None = None
    checked_at: datetime | None = None
    missing_since: datetime | None = None
    books: Books = field(default_factory=Books)

    @property
    def parts(self) -> tuple[str | None, str | None]:
        """The order type and the tender."""
        return self.order_type_id, self.tender_id

    @property
    def complete(self) -> bool:
        return None not in self.parts

    def is_fresh(self, now: datetime) -> bool:
        return self.checked_at is not None and now - self.checked_at < SETUP_FRESH

    def found(
        self, order_type_id: str | None, tender_id: str | None, now: datetime, books: Books | None = None
    ) -> "Setup":
        """Return the setup after a look into Clover."""
        seen = Setup(order_type_id, tender_id, now, books=books or self.books)
        return seen if seen.complete else replace(seen, missing_since=self.missing_since or now)

    def look_again_after(self, now: datetime) -> timedelta:
        """Return the pause before the next look."""
        return look_again_after(now - (self.missing_since or now))


def is_our_order_type(label: str | None) -> bool:
    """Return whether this is the label of our order type."""
    return (label or "").strip() == ORDER_TYPE


def look_again_after(missing_for: timedelta) -> timedelta:
    """Return the pause before the next look: 10 s at first, longer the longer a part is missing, 10 min at most."""
    return min(max(missing_for / 10, FIRST_LOOK), LAST_LOOK)
