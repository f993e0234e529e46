"""Our own export. It can be imported again, opens in spreadsheets, and no cell of it is taken for a formula."""

import csv
import io
import json
from collections.abc import Iterable

from catalog.domain.imports import amounts
from catalog.domain.imports.cells import guarded, joined
from catalog.domain.imports.names import FIELDS, MONEY
from catalog.domain.imports.text import BOM
from catalog.domain.products import Product
from catalog.domain.variants import Variant


def header() -> bytes:
    """Return the first line. It begins with a byte order mark, by which Excel knows UTF-8."""
    return BOM.encode() + _line(FIELDS)


def lines(products: Iterable[Product]) -> bytes:
    """Return a line for each product."""
    return b"".join(_line(_cell(product, name) for name in FIELDS) for product in products)


def _cell(product: Product, name: str) -> str:
    """Return the cell of a field: amounts in major units with a dot; empty if the product leaves the field out."""
    if name.startswith("variant_"):
        return guarded(_variant(product.variant).get(name, ""))
    value = getattr(product, name)
    if value is None:
        return ""
    if isinstance(value, tuple):
        return guarded(joined(value))
    if name in MONEY:
        return amounts.text(value, product.currency)
    return str(value).lower() if isinstance(value, bool) else guarded(str(value))


def _variant(variant: Variant | None) -> dict[str, str]:
    if variant is None:
        return {}
    options = json.dumps(variant.options, ensure_ascii=False)
    return {"variant_group": variant.group, "variant_name": variant.name, "variant_options": options}


def _line(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(cells)
    return line.getvalue().encode()
