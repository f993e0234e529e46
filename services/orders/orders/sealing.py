"""Seals what an order says of people, and opens it again: the customer, and the note, in which anything may stand."""

import json
from dataclasses import dataclass

from pydantic import TypeAdapter

from common.seal import Sealer
from orders.domain.order import Order
from orders.domain.source import Customer, Source

_CUSTOMER = TypeAdapter(Customer)


@dataclass(frozen=True)
class Personal:
    """What an order says of people."""

    customer: Customer | None = None
    note: str = ""


def seal(sealer: Sealer, merchant_id: str, reference: str, source: Source) -> bytes | None:
    """Return the customer and the note of an order as they are stored; None when it has neither."""
    if source.customer is None and not source.note:
        return None
    customer = None if source.customer is None else _CUSTOMER.dump_python(source.customer)
    text = json.dumps({"customer": customer, "note": source.note})
    return sealer.seal(text.encode(), context=_context(merchant_id, reference))


def opened(sealer: Sealer, order: Order) -> Personal:
    """Return the customer and the note of a stored order. Earlier versions sealed the customer alone."""
    if order.customer is None:
        return Personal()
    stored = json.loads(sealer.open(order.customer, context=_context(order.merchant_id, order.reference)))
    customer = stored.get("customer") if "note" in stored else stored
    return Personal(_CUSTOMER.validate_python(customer) if customer else None, stored.get("note", ""))


def _context(merchant_id: str, reference: str) -> str:
    """Return the context to which the sealed bytes are bound."""
    return f"order-customer|{merchant_id}|{reference}"
