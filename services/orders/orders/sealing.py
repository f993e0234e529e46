"""Seals orders, and opens them again: their payload, and apart from it their details of people.

Both are bound to their order and to their purpose, so that neither opens in another row or in the place of the other.
The details of people are a value of its own, because they are erased on request while the payload stays.
"""

import json
from dataclasses import dataclass

from pydantic import TypeAdapter

from common.seal import Sealer
from orders.domain.order import Order
from orders.domain.source import Contents, Customer, Source

_CUSTOMER = TypeAdapter(Customer)


@dataclass(frozen=True, kw_only=True)
class Payload(Contents):
    """The contents of an order, which no list or query reads; older orders lack some fields.

    `body_digest` recognizes the body that was sent (`domain/identity.py`).
    """

    body_digest: str = ""

    @classmethod
    def of(cls, order: Order) -> "Payload":
        """Return the payload of this order."""
        return cls(**order.source.contents, body_digest=order.body_digest)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Payload":
        """Read the payload as it is stored."""
        return _PAYLOAD.validate_json(text)

    def to_json(self) -> str:
        """Return the payload as it is stored."""
        return _PAYLOAD.dump_json(self, exclude_defaults=True).decode()


_PAYLOAD = TypeAdapter(Payload)


@dataclass(frozen=True)
class Personal:
    """The details of people in an order: the customer, and the note, in which anything may stand."""

    customer: Customer | None = None
    note: str = ""


def seal_payload(sealer: Sealer, merchant_id: str, reference: str, text: str) -> bytes:
    """Return the payload, as JSON, as it is stored."""
    return sealer.seal(text.encode(), context=payload_context(merchant_id, reference))


def open_payload(sealer: Sealer, merchant_id: str, reference: str, sealed: bytes) -> bytes:
    """Return the payload of a stored order as JSON. Raises NotOpened."""
    return sealer.open(sealed, context=payload_context(merchant_id, reference))


def seal_personal(sealer: Sealer, merchant_id: str, reference: str, source: Source) -> bytes | None:
    """Return the customer and the note of an order as they are stored; None when it has neither."""
    if source.customer is None and not source.note:
        return None
    customer = None if source.customer is None else _CUSTOMER.dump_python(source.customer)
    text = json.dumps({"customer": customer, "note": source.note})
    return sealer.seal(text.encode(), context=personal_context(merchant_id, reference))


def open_personal(sealer: Sealer, order: Order) -> Personal:
    """Return the customer and the note of a stored order. Earlier versions sealed the customer alone."""
    if order.customer is None:
        return Personal()
    stored = json.loads(sealer.open(order.customer, context=personal_context(order.merchant_id, order.reference)))
    customer = stored.get("customer") if "note" in stored else stored
    return Personal(_CUSTOMER.validate_python(customer) if customer else None, stored.get("note", ""))


def payload_context(merchant_id: str, reference: str) -> str:
    """Return the context to which the payload of an order is bound."""
    return f"order-payload|{merchant_id}|{reference}"


def personal_context(merchant_id: str, reference: str) -> str:
    """Return the context to which the customer and the note of an order are bound."""
    return f"order-customer|{merchant_id}|{reference}"
