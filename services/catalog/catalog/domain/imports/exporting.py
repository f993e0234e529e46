"""Our own export. It can be imported again, opens in spreadsheets, and no cell of it is taken for a formula."""

import csv
import io
from collections.abc import Iterable

from catalog.domain.imports import amounts
from catalog.domain.imports.cells import guarded
from catalog.domain.imports.names import EXPORTED
from catalog.domain.imports.text import BOM
from catalog.domain.products import Product


def header() -> bytes:
    """Return the first line. It begins with a byte order mark, by which Excel knows UTF-8."""
    return BOM.encode() + _line(EXPORTED)


def lines(products: Iterable[Product]) -> bytes:
    """Return a line for each product."""
    return b"".join(_line(cells_of(product)) for product in products)


def cells_of(product: Product) -> list[str]:
    """Return the cells of a product. The price is in major units, with a dot."""
    return [
        guarded(product.product_id),
        guarded(product.name),
        guarded(product.sku),
        amounts.text(product.price, product.currency),
        product.currency,
        product.status,
        guarded(product.barcode or ""),
    ]


def _line(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(cells)
    return line.getvalue().encode()
