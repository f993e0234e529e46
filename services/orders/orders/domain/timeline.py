"""The closed set of events on an order's timeline."""

from dataclasses import dataclass
from enum import StrEnum


class TimelineEvent(StrEnum):
    """Something that happened to an order. Its `detail` names the write, the reason or the rows."""

    RECEIVED = "received"
    CORRECTED = "corrected"
    CREATE_SENT = "create_sent"
    CREATED = "created"
    EDITED = "edited"
    LINES_ADDED = "lines_added"
    LINE_REMOVED = "line_removed"
    UPDATED = "updated"
    CUSTOMER_SET = "customer_set"
    PAYMENT_ADDED = "payment_added"
    LOCKED = "locked"
    PAID = "paid"
    UNPAID = "unpaid"
    COMPLETE_REQUESTED = "complete_requested"
    COMPLETED = "completed"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"
    CANCEL_REFUSED = "cancel_refused"
    SEND_REFUSED = "send_refused"
    OUTCOME_UNKNOWN = "outcome_unknown"
    LOOKUP_FOUND = "lookup_found"
    LOOKUP_EMPTY = "lookup_empty"
    DUPLICATE_FOUND = "duplicate_found"
    ITEMS_DROPPED = "items_dropped"
    TAXES_CHANGED = "taxes_changed"
    CUSTOMER_DROPPED = "customer_dropped"
    REJECTED = "rejected"
    EXPIRED = "expired"
    RETRIED = "retried"
    HELD = "held"
    RESUMED = "resumed"


@dataclass(frozen=True)
class Entry:
    """One line of a timeline, before it has a time."""

    event: TimelineEvent
    detail: str = ""
