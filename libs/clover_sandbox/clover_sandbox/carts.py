"""Reads files of carts and computes their totals, to compare them with another calculator."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clover_sandbox.totals import WHOLE_PART, Discount, Line, Rate, Sale, Totals, compute

LIMIT = 2**63
MOST_ROWS = 100_000


class MalformedError(ValueError):
    """The file has another form; the message names the cart and the field."""


@dataclass(frozen=True)
class Node:
    """A JSON object and its path in the file. Absent and null fields have the default."""

    fields: Mapping[str, Any]
    path: str

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def whole(self, name: str, default: int = 0, least: int = 1 - LIMIT) -> int:
        return _whole(self.at(name), self.fields.get(name), default, least)

    def optional(self, name: str) -> int | None:
        return None if self.fields.get(name) is None else self.whole(name)

    def flag(self, name: str) -> bool:
        value = self.fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise MalformedError(f"{self.at(name)}: must be true or false")
        return bool(value)

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise MalformedError(f"{self.at(name)}: must be a text")
        return value

    def wholes(self, name: str) -> list[int]:
        return [_whole(path, value, 0, 1 - LIMIT) for path, value in self._list(name)]

    def nodes(self, name: str) -> list["Node"]:
        return [_node(path, value) for path, value in self._list(name) if value is not None]

    def node(self, name: str) -> "Node":
        value = self.fields.get(name)
        return _node(self.at(name), {} if value is None else value)

    def _list(self, name: str) -> Iterator[tuple[str, Any]]:
        values = self.fields.get(name)
        if values is not None and not isinstance(values, list):
            raise MalformedError(f"{self.at(name)}: must be a list")
        for number, value in enumerate(values or ()):
            yield f"{self.at(name)}[{number}]", value


def computed(text: bytes) -> list[dict[str, Any]]:
    """Read the text of a file and return the name and the amounts of each cart."""
    return [{"name": name, "computed": _shown(compute(sale))} for name, sale in _sales(text)]


def _sales(text: bytes) -> Iterator[tuple[str, Sale]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"the file is not JSON: {error}") from None
    carts = content.get("carts") if isinstance(content, dict) else content
    if not isinstance(carts, list):
        raise MalformedError("carts: must be a list")
    for number, cart in enumerate(carts, 1):
        name = cart.get("name") if isinstance(cart, dict) else None
        try:
            node = Node(_node("cart", cart).fields, "")
            yield node.text("name"), _sale(node)
        except MalformedError as error:
            raise MalformedError(f"cart {number} ({name or 'without a name'}): {error}") from None


def _sale(cart: Node) -> Sale:
    return Sale(
        lines=[line for node in cart.nodes("lines") for line in _lines(node)],
        discounts=[_discount(node) for node in cart.nodes("discounts")],
        service_part=_part(cart.node("service_charge")),
        charges=[_discount(node) for node in cart.nodes("additional_charges")],
        tips=cart.wholes("tips"),
        vat=cart.flag("vat"),
        tax_removed=cart.flag("tax_removed"),
        manual=cart.flag("manual"),
    )


def _lines(node: Node) -> list[Line]:
    rows = node.whole("rows", default=1, least=0)
    if rows > MOST_ROWS:
        raise MalformedError(f"{node.at('rows')}: cannot be more than {MOST_ROWS}")
    line = Line(
        price=node.whole("price"),
        units=node.optional("unit_qty"),
        modifications=node.wholes("modifications"),
        discounts=[_discount(each) for each in node.nodes("discounts")],
        rates=[
            Rate(each.text("id"), each.whole("rate", least=0), each.whole("amount")) for each in node.nodes("tax_rates")
        ],
        refunded=node.flag("refunded"),
        exchanged=node.flag("exchanged"),
        fee=node.flag("is_order_fee"),
    )
    return [line] * rows


def _discount(node: Node) -> Discount:
    return Discount(_part(node), node.whole("amount"))


def _part(node: Node) -> int:
    decimal, percentage = node.optional("percentage_decimal"), node.whole("percentage")
    return percentage * (WHOLE_PART // 100) if decimal is None else decimal


def _shown(totals: Totals) -> dict[str, Any]:
    return {
        "before_discounts": totals.before_discounts,
        "line_totals": list(totals.line_totals),
        "subtotal": totals.subtotal,
        "discount": totals.before_discounts - totals.subtotal,
        "tax": totals.tax,
        "tax_by_rate": dict(totals.taxes),
        "service_charge": totals.service_charge,
        "total": totals.total,
        "total_before_refunds": totals.total_before_refunds,
        "tip": totals.tip,
        "total_with_tip": totals.total + totals.tip,
    }


def _node(path: str, value: Any) -> Node:
    if not isinstance(value, dict):
        raise MalformedError(f"{path}: must be an object")
    return Node(value, path)


def _whole(path: str, value: Any, default: int, least: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= LIMIT:
        raise MalformedError(f"{path}: must be a whole number of at most 64 bits")
    if value < least:
        raise MalformedError(f"{path}: cannot be less than {least}")
    return value
