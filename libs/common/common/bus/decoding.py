"""Decodes malformed message properties leniently: other publishers may write properties that our services never would.

aiormq reads frames in the task that keeps the connection, and a property that pamqp cannot decode ends both. The
broker then redelivers the message, and so on for ever. Here a malformed property is decoded as far as possible; the
inbox then makes the message a dead letter if it cannot be handled.
"""

from datetime import datetime

from pamqp import decode
from pamqp.common import FieldTable

UNREADABLE = (ValueError, OverflowError, OSError, RecursionError)
"""The exceptions that pamqp's decoders raise on malformed bytes."""


def tolerate() -> None:
    """Make pamqp use the decoders below. A second call changes nothing."""
    decode.METHODS |= {"shortstr": short_str, "timestamp": timestamp, "table": table}


def short_str(value: bytes) -> tuple[int, str]:
    """Decode text; escape bytes that are not UTF-8, so that different texts stay different."""
    end = 1 + value[0]
    return end, value[1:end].decode(errors="backslashreplace")


def timestamp(value: bytes) -> tuple[int, datetime | None]:
    """Decode a time; return None when it is out of range, as when a publisher counts in microseconds."""
    try:
        return decode.timestamp(value)
    except UNREADABLE:
        return 8, None


def table(value: bytes) -> tuple[int, FieldTable]:
    """Decode headers; return none of them when one is malformed."""
    try:
        return decode.field_table(value)
    except UNREADABLE:
        return 4 + int.from_bytes(value[:4]), {}
