"""What of an order may be kept, by the region of the merchant."""

import re
from collections.abc import Sequence
from dataclasses import replace

from orders.domain.source import Customer, Source

HIDDEN = "***"
_MAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}")
_PHONE = re.compile(r"\+\d[\d\s().-]{6,20}\d")
_SHORTEST_NAME = 3
"""Shorter names are also common parts of words and sizes."""


def keepable(region: str, order: Source) -> Source:
    """What of the order may be kept and sent on: for `us` all of it; elsewhere, an unknown region too, no customer.

    There the customer's own words, and what looks like an e-mail address or a telephone number, are taken out of
    every other text as well: a line named "Engraving for Ada Byron" becomes "Engraving for *** ***".
    """
    if region == "us":
        return order
    own = _own_words(order.customer)
    return replace(
        order,
        customer=None,
        store=impersonal(order.store, own),
        number=impersonal(order.number, own),
        lines=tuple(replace(e, sku=impersonal(e.sku, own), name=impersonal(e.name, own)) for e in order.lines),
    )


def impersonal(text: str, own_words: Sequence[str]) -> str:
    """The text without addresses, telephone numbers and these words."""
    for shape in (_MAIL, _PHONE):
        text = shape.sub(HIDDEN, text)
    for word in own_words:
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
    return text


def _own_words(customer: Customer | None) -> list[str]:
    if customer is None:
        return []
    said = [customer.email, customer.phone, customer.first_name, customer.last_name]
    parts = [*customer.first_name.split(), *customer.last_name.split()]
    words = {word for word in [*said, *parts] if word and len(word) >= _SHORTEST_NAME}
    return sorted(words, key=len, reverse=True)
