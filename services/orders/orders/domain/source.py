"""The order as the source store has it, and its texts and units as Clover takes them."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime

from common.money import format_money

MOST_UNITS = 2500
"""The rows that Clover takes in one order, one per unit. Its pages say 2,500 and 3,000 (documented)."""
LONGEST_NAME = 127
LONGEST_PERSON_NAME = 64
LONGEST_PHONE = 21


@dataclass(frozen=True)
class Line:
    """One line of the source order; the price is in minor units."""

    sku: str
    name: str
    quantity: int
    unit_price: int


@dataclass(frozen=True)
class Customer:
    """The customer as the source spells them. In the clear only while it is received, sealed and sent."""

    first_name: str
    last_name: str
    email: str | None = None
    phone: str | None = None

    @property
    def name(self) -> str:
        """The whole name as it is compared: without case, spaces apart."""
        return " ".join(f"{self.first_name} {self.last_name}".casefold().split())

    def for_clover(self) -> "Customer | None":
        """Return the details that Clover can hold; None when there are none."""
        fit = Customer(
            clipped(_one_line(self.first_name), LONGEST_PERSON_NAME),
            clipped(_one_line(self.last_name), LONGEST_PERSON_NAME),
            _an_email(_one_line(self.email or "")),
            _a_phone(self.phone or ""),
        )
        return fit if any((fit.first_name, fit.last_name, fit.email, fit.phone)) else None


@dataclass(frozen=True)
class Source:
    """The order as the source store has it; the total is in minor units."""

    channel: str
    store: str
    number: str
    currency: str
    lines: tuple[Line, ...]
    total: int
    customer: Customer | None
    placed_at: datetime

    @property
    def units(self) -> int:
        """The number of units, which is the number of rows in Clover."""
        return sum(line.quantity for line in self.lines)

    @property
    def money(self) -> str:
        """The total as people write it."""
        return format_money(self.total, self.currency)


def lines_total(lines: Iterable[Line]) -> int:
    """Return the sum of the lines, in minor units."""
    return sum(line.quantity * line.unit_price for line in lines)


def units(lines: Iterable[Line]) -> list[Line]:
    """Return one line per unit, as Clover counts (documented)."""
    return [replace(line, quantity=1) for line in lines for _ in range(line.quantity)]


def differing(one: Source, other: Source) -> list[str]:
    """Return the names of the fields that differ. The sequence of the lines makes no difference.

    Channel and store identify the order and are not compared: outside the US their text depends on the customer.
    """
    names = [field.name for field in fields(Source) if field.name not in {"channel", "store", "lines"}]
    different = [name for name in names if getattr(one, name) != getattr(other, name)]
    return sorted([*different, *([] if _sold(one.lines) == _sold(other.lines) else ["lines"])])


def _sold(lines: Iterable[Line]) -> Counter[Line]:
    """Return the units by their kind, however they are spread over lines."""
    sold: Counter[Line] = Counter()
    for line in lines:
        sold[replace(line, quantity=1)] += line.quantity
    return sold


def title(source: Source) -> str:
    """Return the title shown at the till: the channel and the order number, never a name."""
    return clipped(f"{source.channel} {source.number}")


def note(source_id: str) -> str:
    """Return the note with the whole source id, as Clover's reference has only 12 characters."""
    return f"QuickSync order {source_id}"


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _an_email(text: str) -> str | None:
    return text if re.fullmatch(r"[^@\s]+@[^@\s]+", text) and len(text) <= LONGEST_NAME else None


def _a_phone(text: str) -> str | None:
    """Return the number with separators that Clover takes, or without any when it is too long."""
    spelled = " ".join(re.sub(r"[^0-9+() .-]", " ", text).split())
    if len(spelled) > LONGEST_PHONE:
        spelled = re.sub(r"[^0-9+]", "", spelled)[:LONGEST_PHONE]
    return spelled if len(set(digits(spelled))) > 1 else None  # shops fill in 0000000000 for none


def digits(phone: str) -> str:
    """Return the digits of a telephone number."""
    return "".join(each for each in phone if each.isdecimal())


def clipped(text: str, length: int = LONGEST_NAME) -> str:
    """Return the text cut to a length that Clover takes. Clover counts as Java does: two for an emoji."""
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore")
