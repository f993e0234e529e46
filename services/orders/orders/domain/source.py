"""The order as another store has it, in its own units and in Clover's."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime

from common.money import Money

MOST_UNITS = 2500
"""Lines Clover takes in one order, one per unit; 2,500 or 3,000, its pages disagree (documented)."""
LONGEST_NAME = 127
LONGEST_OF_A_PERSON = 64
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
    """The customer of an order, as the source store wrote it. Held only while it is received, sealed and sent."""

    first_name: str
    last_name: str
    email: str | None = None
    phone: str | None = None

    def for_clover(self) -> "Customer | None":
        """What Clover can take of them; None when that is nothing."""
        fit = Customer(
            clipped(_one_line(self.first_name), LONGEST_OF_A_PERSON),
            clipped(_one_line(self.last_name), LONGEST_OF_A_PERSON),
            _an_email(_one_line(self.email or "")),
            _a_phone(self.phone or ""),
        )
        return fit if any((fit.first_name, fit.last_name, fit.email, fit.phone)) else None


@dataclass(frozen=True)
class Source:
    """The order as the other channel has it; the total is in minor units."""

    channel: str
    store: str
    number: str
    currency: str
    lines: tuple[Line, ...]
    total: int
    customer: Customer | None
    placed_at: datetime

    @property
    def money(self) -> Money:
        return Money(amount=self.total, currency=self.currency)


def lines_total(lines: Iterable[Line]) -> int:
    """What the lines come to, in minor units."""
    return sum(line.quantity * line.unit_price for line in lines)


def units(lines: Iterable[Line]) -> list[Line]:
    """One line per unit, as Clover counts (documented)."""
    return [replace(line, quantity=1) for line in lines for _ in range(line.quantity)]


def differing(one: Source, other: Source) -> list[str]:
    """The names of the fields in which they differ."""
    names = {"store": "channel"}
    different = [f.name for f in fields(Source) if getattr(one, f.name) != getattr(other, f.name)]
    return sorted({names.get(name, name) for name in different})


def title(source: Source) -> str:
    """The order's heading at the till: the channel and the order's number there, nobody's name."""
    return clipped(f"{source.channel} {source.number}")


def note(source_id: str) -> str:
    """Clover's reference has 12 characters only, so the whole id stands here."""
    return f"QuickSync order {source_id}"


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _an_email(text: str) -> str | None:
    return text if re.fullmatch(r"[^@\s]+@[^@\s]+", text) and len(text) <= LONGEST_NAME else None


def _a_phone(text: str) -> str | None:
    """With the separators that Clover is known to take, or none where these are too many."""
    spelled = " ".join(re.sub(r"[^0-9+() .-]", " ", text).split())
    if len(spelled) > LONGEST_PHONE:
        spelled = re.sub(r"[^0-9+]", "", spelled)[:LONGEST_PHONE]
    return spelled if digits(spelled) else None


def digits(phone: str) -> str:
    """The digits of a telephone number, however it is spelled."""
    return "".join(each for each in phone if each.isdecimal())


def clipped(text: str, length: int = LONGEST_NAME) -> str:
    """The text cut to what Clover takes, which counts as Java does: two for an emoji."""
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore")
