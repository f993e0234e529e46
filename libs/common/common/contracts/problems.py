"""The closed list of problems that a merchant sees, and the events of their life. Their texts are in `messages`."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from common.contracts.envelope import Event


class Severity(StrEnum):
    """How urgent a problem is. From the most urgent to the least."""

    BLOCKED = "blocked"
    """Everything of one kind is stopped until the cause is removed."""

    DECISION = "decision"
    """Single things were refused and need the merchant's decision; the others go through."""

    INFORMATION = "information"
    """Sync is not affected."""


class Code(StrEnum):
    """Every problem there is. A new code needs a severity below and its texts in each catalogue of `messages`."""

    ORDER_TYPE_MISSING = "order_type_missing"
    TENDER_MISSING = "tender_missing"
    CONNECTION_LOST = "connection_lost"
    CLOVER_UNREACHABLE = "clover_unreachable"
    ORDER_REJECTED = "order_rejected"
    CANCELLATION_REFUSED = "cancellation_refused"
    ORDERS_EXPIRING = "orders_expiring"
    ORDER_CURRENCY = "order_currency"
    ORDER_TOO_LARGE = "order_too_large"
    SKU_UNLINKED = "sku_unlinked"
    SALE_UNREADABLE = "sale_unreadable"
    PRODUCT_REJECTED = "product_rejected"
    STOCK_REJECTED = "stock_rejected"
    ITEMS_UNREADABLE = "items_unreadable"
    PERMISSION_MISSING = "permission_missing"
    TRACK_STOCK_OFF = "track_stock_off"
    UPDATE_STOCK_OFF = "update_stock_off"
    CURRENCY_CHANGED = "currency_changed"
    WEBHOOKS_MISSING = "webhooks_missing"
    EMAIL_REJECTED = "email_rejected"
    EMAIL_DELAYED = "email_delayed"

    @property
    def severity(self) -> Severity:
        """The severity of this problem."""
        return _SEVERITIES[self]


_SEVERITIES = {
    Code.ORDER_TYPE_MISSING: Severity.BLOCKED,
    Code.TENDER_MISSING: Severity.BLOCKED,
    Code.CONNECTION_LOST: Severity.BLOCKED,
    Code.CLOVER_UNREACHABLE: Severity.BLOCKED,
    Code.ORDER_REJECTED: Severity.DECISION,
    Code.CANCELLATION_REFUSED: Severity.DECISION,
    Code.ORDERS_EXPIRING: Severity.DECISION,
    Code.ORDER_CURRENCY: Severity.DECISION,
    Code.ORDER_TOO_LARGE: Severity.DECISION,
    Code.SKU_UNLINKED: Severity.DECISION,
    Code.SALE_UNREADABLE: Severity.DECISION,
    Code.PRODUCT_REJECTED: Severity.DECISION,
    Code.STOCK_REJECTED: Severity.DECISION,
    Code.ITEMS_UNREADABLE: Severity.BLOCKED,
    Code.PERMISSION_MISSING: Severity.DECISION,
    Code.TRACK_STOCK_OFF: Severity.DECISION,
    Code.UPDATE_STOCK_OFF: Severity.DECISION,
    Code.CURRENCY_CHANGED: Severity.DECISION,
    Code.WEBHOOKS_MISSING: Severity.INFORMATION,
    Code.EMAIL_REJECTED: Severity.INFORMATION,
    Code.EMAIL_DELAYED: Severity.INFORMATION,
}


MAX_AFFECTED = 10
"""A problem names this many of the things it affects; its count covers all of them."""


class Affected(BaseModel):
    """One thing that waits under a problem. `subject` is a short label without personal data."""

    subject: Annotated[str, Field(max_length=200)]
    reason: Annotated[str, Field(max_length=500)] = ""


class ProblemOpened(Event):
    """A problem opened, or the things that wait for it changed.

    `affected` lists the oldest of the things that wait. `failing_since` is the time of the first failure, if attempts
    continue. Repeats may overtake one another. Among those with the same `opened_at`, the highest `revision` is the
    latest.
    """

    type = "problem.opened.v1"

    code: Code
    subject: str = ""
    waiting: Annotated[int, Field(ge=0)]
    opened_at: datetime
    revision: Annotated[int, Field(ge=1)]
    affected: Annotated[list[Affected], Field(default_factory=list, max_length=MAX_AFFECTED)]
    failing_since: datetime | None = None


class ProblemClosed(Event):
    """The problem is over: nothing waits for it any more, and `resumed_count` of those that waited went through.

    Work that was no longer wanted, such as a cancelled order, is not counted.
    """

    type = "problem.closed.v1"

    code: Code
    subject: str = ""
    resumed_count: Annotated[int, Field(ge=0)]
    opened_at: datetime
