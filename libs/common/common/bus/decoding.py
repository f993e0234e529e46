"""Has odd properties read rather than refused: whoever may publish here may write what no service of ours would.

aiormq reads frames in the one task that keeps the connection, and a property that pamqp cannot decode ends both. The
broker then delivers the message again, and so on for ever. What is odd is read as far as it goes; whether there is a
handler for such a message is found out where all messages are, and the bad one is parked.
"""

from datetime import datetime

from pamqp import decode
from pamqp.common import FieldTable

UNREADABLE = (ValueError, OverflowError, OSError, RecursionError)
"""How decoding fails on bytes that stand for no value."""


def tolerate() -> None:
    """Have pamqp decode by the functions below; doing it again changes nothing."""
    decode.METHODS |= {"shortstr": short_str, "timestamp": timestamp, "table": table}


def short_str(value: bytes) -> tuple[int, str]:
    """Text, with the bytes that are not UTF-8 spelled out, so that different ones stay different."""
    end = 1 + value[0]
    return end, value[1:end].decode(errors="backslashreplace")


def timestamp(value: bytes) -> tuple[int, datetime | None]:
    """A time; none where no calendar has it, as when somebody counts in microseconds."""
    try:
        return decode.timestamp(value)
    except UNREADABLE:
        return 8, None


def table(value: bytes) -> tuple[int, FieldTable]:
    """Headers; none where one of them cannot be read."""
    try:
        return decode.field_table(value)
    except UNREADABLE:
        return 4 + int.from_bytes(value[:4]), {}
