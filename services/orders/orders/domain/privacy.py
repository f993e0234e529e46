"""Removes personal data from an order, by the region of the merchant."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from orders.domain.source import Customer, Discount, Extra, Line, Payment, Source, Tax, digits

Named = TypeVar("Named", Discount, Tax, Payment)

HIDDEN = "***"
_MAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}")
_CODE = re.compile(r"[A-Za-z#./_:-]*[0-9][A-Za-z0-9#./_:-]*")
_PHONE = re.compile(r"\+\d[\d\s().-]{6,20}\d")
_FREE_TEXT = re.compile(
    r"engrav|grav[uiy]|grabad|incis|inscri|monogra|initial|personali|customi[sz]ation|messag|mensa|nachricht|botschaft"
    r"|bericht|widmung|dedica|d[ée]dicace|notiz|anmerk|bemerk|comment|kommentar|opmerk|remark|wunsch|instruc|request"
    r"|embroid|stickerei|bestick|broder|bordad|borduu?r|ricam|aufdruck|bedruck|opdruk|bedruk|stampa\b|pr(?:ä|ae)gung"
    r"|beschrift|aufschrift|opschrift|letter(?:ing|s\b)|lettrage|buchstab|r[óo]tul|souhait|verzoek|richiest|gr(?:uß|uss)"
    r"|recipient|empf(?:ä|ae)nger|ontvanger|destinat|beschenkt|greeting|felicit|auguri|address|adress|adres\b|indirizz"
    r"|direcci[óo]n|(?:phone|handy|mobile)\s*n|telef|t[ée]l[ée]ph|e-?mail|birthday|geburtstag|\b(?:line|zeile|ligne|regel|riga|l[íi]nea)\s*\d"
    r"|\b(?:text|texte|texto|testo|tekst|note|nota|name|nom|nome|nombre|naam)\b"
    r"|^\W*(?:to|from|for|an|von|für|fuer|de|para|à|da|per|voor|van)\W*$",
    re.IGNORECASE,
)
"""Names of options whose values customers write themselves, in the languages of Clover's countries."""
_MOST_WORDS, _LONGEST_CHOICE = 4, 40
"""Words and characters of the names that stores give their choices, such as "Extra virgin olive oil"."""
_APART = r"[\s()./·–-]"
"""Separators that people write between the digits of a telephone number."""
_SHORTEST_NAME = 2
"""A single letter may be an initial, but also a size and much else."""
_SHORTEST_NUMBER, _LONGEST_NUMBER = 6, 7
"""These last digits of a telephone number stay the same however country and area are written, or left out."""


def keepable(region: str, order: Source, linked: Collection[str]) -> Source:
    """Return the order as it may be stored: unchanged for `us`, without its customer for any other region.

    Outside the US the customer's name and anything that looks like an e-mail address or a telephone number are removed
    from every other text as well: a line named "Engraving for Ada Byron" becomes "Engraving for *** ***". A linked
    SKU is the merchant's own word and stays, even where it sounds like a name. Names of discounts, taxes and
    payments are of no use in Clover and are dropped, and so is the note, in which people write anything. Of the
    number, the title in Clover, only codes stay (`is_code`).
    """
    if region == "us":
        return order
    customer = order.customer
    return replace(
        order,
        customer=None,
        store=impersonal(order.store, customer),
        number=_codes(impersonal(order.number, customer)),
        lines=tuple(_impersonal_line(line, customer, linked) for line in order.lines),
        discounts=_nameless(order.discounts),
        shipping=tuple(_impersonal_extra(each, customer) for each in order.shipping),
        fees=tuple(_impersonal_extra(each, customer) for each in order.fees),
        taxes=_nameless(order.taxes),
        tips=_nameless(order.tips),
        payments=None if order.payments is None else _nameless(order.payments),
        refunds=_nameless(order.refunds),
        note="",
    )


def is_choice(name: str, value: str) -> bool:
    """Return whether an option is one of a store's choices, such as a size, rather than a text of the customer's.

    A text may name anybody: "For grandma Elisabeth". So an option that may be one is not kept outside the US.
    """
    is_short = len(value) <= _LONGEST_CHOICE and len(value.split()) <= _MOST_WORDS and value.isprintable()
    return is_short and not _FREE_TEXT.search(name) and not re.search(r"[!?;“”„«»@]|://|\.\s|\.$", value)


def is_code(text: str) -> bool:
    """Return whether this is a word such as `#1001`, `ORD-7` or `2026/11`: plain characters, a digit among them."""
    return _CODE.fullmatch(text) is not None


def impersonal(text: str, customer: Customer | None) -> str:
    """Return the text without addresses, telephone numbers and the details of this customer."""
    for shape in (_MAIL, *_own_shapes(customer), _PHONE):
        text = shape.sub(HIDDEN, text)
    return text


def as_stored(known: Source, order: Source) -> Source:
    """Return the order with those texts as stored before that differ from it only in details removed then.

    A correction may name another customer than before, who does not account for the details of the first.
    """
    same = {(each.sku, each.name) for each in known.lines}
    hidden = [each for each in known.lines if HIDDEN in each.sku or HIDDEN in each.name]
    return replace(
        order,
        number=known.number if _fits(known.number, order.number) else order.number,
        lines=tuple(each if (each.sku, each.name) in same else _line_as_stored(hidden, each) for each in order.lines),
        shipping=tuple(_extra_as_stored(known.shipping, each) for each in order.shipping),
        fees=tuple(_extra_as_stored(known.fees, each) for each in order.fees),
    )


def _line_as_stored(hidden: Sequence[Line], line: Line) -> Line:
    fitting = (each for each in hidden if _fits(each.sku, line.sku) and _fits(each.name, line.name))
    found = next(fitting, line)
    return replace(line, sku=found.sku, name=found.name)


def _extra_as_stored(known: Sequence[Extra], extra: Extra) -> Extra:
    return replace(extra, name=next((each.name for each in known if _fits(each.name, extra.name)), extra.name))


def _fits(stored: str, text: str) -> bool:
    """Return whether the stored text may be this one with details removed."""
    first, *others = stored.split(HIDDEN)
    if not others:
        return stored == text
    if not text.startswith(first):
        return False
    place = len(first)
    for part in others[:-1]:
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return len(text) - len(others[-1]) >= place and text.endswith(others[-1])


def _codes(text: str) -> str:
    return " ".join(word for word in text.split() if is_code(word)) or HIDDEN


def _impersonal_line(line: Line, customer: Customer | None, linked: Collection[str]) -> Line:
    sku = line.sku if line.sku in linked else impersonal(line.sku, customer)
    name = impersonal(line.name, customer)
    return replace(line, sku=sku, name=name, discounts=_nameless(line.discounts), taxes=_nameless(line.taxes))


def _impersonal_extra(extra: Extra, customer: Customer | None) -> Extra:
    name = impersonal(extra.name, customer)
    return replace(extra, name=name, discounts=_nameless(extra.discounts), taxes=_nameless(extra.taxes))


def _nameless(parts: Iterable[Named]) -> tuple[Named, ...]:
    return tuple(replace(each, name="") for each in parts)


def _own_shapes(customer: Customer | None) -> list[re.Pattern[str]]:
    if customer is None:
        return []
    said = [customer.email, customer.phone, customer.first_name, customer.last_name]
    parts = re.findall(r"[^\W_]+", f"{customer.first_name} {customer.last_name}")
    words = {word for word in [*said, *parts] if word and len(word) >= _SHORTEST_NAME}
    longest_first = sorted(words, key=len, reverse=True)
    shapes = [re.compile(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", re.IGNORECASE) for word in longest_first]
    last = digits(customer.phone or "")[-_LONGEST_NUMBER:]
    if len(last) >= _SHORTEST_NUMBER:
        tail = f"{_APART}{{0,3}}".join(last)
        shapes.insert(0, re.compile(rf"(?:[+(\d](?:{_APART}|\d){{0,20}})?{tail}(?!\d)"))
    return shapes
