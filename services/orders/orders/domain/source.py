"""The order as the source store has it, and its texts and units as Clover takes them."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.money import format_money

LONGEST_NAME = 127
LONGEST_NOTE = 2047
LONGEST_PAYMENT_NOTE = 255
LONGEST_PERSON_NAME = 64
LONGEST_PHONE = 21
MOST_TOTAL = 10**12
"""Minor units of a total, also in the events that tell other services of an order."""
MOST_UNITS = 9_999_999
"""Units of one order; lists show their number, of which a database column holds no more than two thousand million."""

Amount = int | Decimal
"""Minor units; a Decimal where the source is finer than the minor unit."""


@dataclass(frozen=True)
class Discount:
    """An amount taken off, 0 or more."""

    name: str
    amount: Amount


@dataclass(frozen=True)
class Tax:
    """One tax on a part of an order, or on the whole. `rate` is in percent; an included tax is part of the price."""

    name: str
    rate: Decimal | None
    amount: Amount
    included: bool


@dataclass(frozen=True)
class Line:
    """One line of the source order. `total` is its exact price before discounts, where it is not price × quantity."""

    sku: str
    name: str
    quantity: Amount
    unit_price: Amount
    total: Amount | None = None
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[Tax, ...] = ()

    @property
    def price(self) -> Amount:
        """The price of the line before its discounts."""
        return self.quantity * self.unit_price if self.total is None else self.total


@dataclass(frozen=True)
class Extra:
    """Something charged beside the goods: shipping, or a fee."""

    name: str
    amount: Amount
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[Tax, ...] = ()


@dataclass(frozen=True)
class Payment:
    """Money that the source received, tips included, or gave back."""

    amount: Amount
    name: str = ""


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

    @property
    def contacts(self) -> list[str]:
        """The address and the number by which Clover's customers are found."""
        return [each for each in (self.email and self.email.casefold(), self.phone and digits(self.phone)) if each]

    def for_clover(self) -> "Customer | None":
        """Return the details that Clover can hold; None when there are none."""
        fit = Customer(
            clipped(_one_line(self.first_name), LONGEST_PERSON_NAME),
            clipped(_one_line(self.last_name), LONGEST_PERSON_NAME),
            _an_email(_one_line(self.email or "")),
            _a_phone(self.phone or ""),
        )
        return fit if any((fit.first_name, fit.last_name, fit.email, fit.phone)) else None


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The parts of an order: everything that has an amount.

    Field names are those of the API. `payments` is None when the source does not list them: then all is paid.
    """

    lines: tuple[Line, ...]
    discounts: tuple[Discount, ...] = ()
    shipping: tuple[Extra, ...] = ()
    fees: tuple[Extra, ...] = ()
    taxes: tuple[Tax, ...] = ()
    tips: tuple[Payment, ...] = ()
    rounding: Amount = 0
    payments: tuple[Payment, ...] | None = None
    refunds: tuple[Payment, ...] = ()

    @property
    def contents(self) -> dict[str, Any]:
        """The fields of the contents, by their names."""
        return {each.name: getattr(self, each.name) for each in fields(Contents)}


@dataclass(frozen=True)
class Source(Contents):
    """The order as the source store has it. `total`, tips included, is rounded once to whole minor units."""

    channel: str
    store: str
    number: str
    currency: str
    total: int
    customer: Customer | None
    placed_at: datetime | None
    note: str = ""

    @property
    def units(self) -> int:
        """The number of units that were sold; a fraction, such as 0.5 kg, counts as one."""
        return sum(int(line.quantity) if is_whole(line.quantity) else 1 for line in self.lines)

    @property
    def money(self) -> str:
        """The total as people write it."""
        return format_money(self.total, self.currency)

    @property
    def priced(self) -> tuple["Line | Extra", ...]:
        """Everything that has a price: lines, shipping and fees."""
        return (*self.lines, *self.shipping, *self.fees)

    @property
    def tip(self) -> Amount:
        """The sum of the tips."""
        return add(each.amount for each in self.tips)

    @property
    def skus(self) -> set[str]:
        """The SKUs of its lines; a line may have none."""
        return {line.sku for line in self.lines} - {""}


def add(amounts: Iterable[Amount]) -> Amount:
    """Return the sum."""
    return sum(amounts, 0)


def is_whole(amount: Amount) -> bool:
    """Return whether the amount has no fraction."""
    return amount == int(amount)


def differing(one: Source, other: Source) -> list[str]:
    """Return the names of the fields that differ. The sequence of the lines makes no difference.

    Channel and store identify the order and are not compared: outside the US their text depends on the customer. An
    order that is sent again without its moment is the same.
    """
    if other.placed_at is None:
        other = replace(other, placed_at=one.placed_at)
    names = [field.name for field in fields(Source) if field.name not in {"channel", "store", "lines"}]
    different = [name for name in names if getattr(one, name) != getattr(other, name)]
    return sorted([*different, *([] if _sold(one.lines) == _sold(other.lines) else ["lines"])])


def _sold(lines: Iterable[Line]) -> Counter[Line]:
    """Return the units by their kind, however they are spread over lines that have only a price."""
    sold: Counter[Line] = Counter()
    for line in lines:
        plain = is_whole(line.quantity) and line.total is None and not line.discounts and not line.taxes
        sold[replace(line, quantity=1) if plain else line] += int(line.quantity) if plain else 1
    return sold


def title(source: Source) -> str:
    """Return the title shown at the till: the channel and the order number, never a name."""
    return clipped(f"{source.channel} {source.number}")


def note(source_id: str, text: str = "") -> str:
    """Return the note: the whole source id, as Clover's reference has only 12 characters, and the store's own text."""
    return clipped(f"{f'QuickSync order {source_id}'.rstrip()}\n{text}".rstrip(), LONGEST_NOTE)


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
