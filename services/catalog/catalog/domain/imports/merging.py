"""Completes the rows of a file by what is stored, so that a file changes only the fields that it holds."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from catalog.domain.imports.layout import Layout
from catalog.domain.imports.reading import Draft
from catalog.domain.products import Product, Status
from common.errors import Problem

NEEDED = ("name", "price", "sku")
"""The fields without which no product can be created."""


def identity(draft: Draft, by_sku: Mapping[str, str]) -> str:
    """Return the id of the row's product: its own, else that of the stored product with its SKU, else the SKU."""
    sku = str(draft.values.get("sku", ""))
    return str(draft.values.get("product_id") or by_sku.get(sku, sku))


def merged(draft: Draft, product_id: str, stored: Product | None, currency: str) -> dict[str, Any]:
    """Return the values as a request would have them, from the row and what is stored. An empty cell changes nothing.

    A name that differs in spaces only is the stored one.
    """
    default = {"currency": currency, "status": Status.ACTIVE}
    # a text that was emptied in Clover is one that no file holds
    before = {name: None if value == "" else value for name, value in asdict(stored).items()} if stored else default
    values = before | dict(draft.values) | {"product_id": product_id, "variant": _variant(draft, stored)}
    values = {name: value for name, value in values.items() if not name.startswith("variant_")}
    if stored and values["name"] == " ".join(stored.name.split()):
        values["name"] = stored.name
    listed = {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
    return values | listed | {"status": str(values["status"])}


def parent_of(draft: Draft) -> str:
    """Return the parent that the row states; empty if it states none."""
    variant = _variant(draft, None)
    return str(variant.get("group", "")) if isinstance(variant, Mapping) else ""


def _variant(draft: Draft, stored: Product | None) -> object:
    """Return the place of a variant, as the columns for it have it, or else as the file of another shop has it.

    A product that is stored as a plain one stays so with a file of another shop, as Clover moves no item into a group.
    """
    before = asdict(stored.variant) if stored and stored.variant else None
    columns = {
        name.removeprefix("variant_"): value for name, value in draft.values.items() if name.startswith("variant_")
    }
    if columns:
        return (before or {}) | columns
    return before if stored and before is None else draft.values.get("variant", before)


def faults(
    draft: Draft, values: Mapping[str, Any], stored: Product | None, layout: Layout, currency: str
) -> list[Problem]:
    """Return what keeps the row from being a product, apart from what the values themselves are."""
    if stored and "product_id" not in draft.values and stored.sku != values["sku"]:
        problem = f"is the id of another of your products, whose SKU is {stored.sku}"
        remedy = "Add a column product_id, and give this row one that no other product has."
        return [Problem(layout.column("sku"), problem, remedy)]
    found = [
        Problem(layout.column(name), "is missing", f"Fill it in: a new product needs a {name}.")
        for name in NEEDED
        if name not in values
    ]
    if values["currency"] != currency:
        found.append(
            Problem(
                layout.column("currency"),
                f"is not {currency}",
                f"Give the price in {currency}, the currency of your Clover store.",
            )
        )
    return found
