"""WooCommerce's exports: their headers are translated into the language of the shop, the order of columns is not.

The values of the column Type are not translated, so a file is recognised in any language. Source: the exporter of
WooCommerce 10 (`class-wc-product-csv-exporter.php`); a header of plugin columns follows the ones used here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from itertools import groupby

from catalog.domain.imports import cells
from catalog.domain.imports.names import ID, KIND, PARENT
from catalog.domain.imports.table import normal

KINDS = frozenset({"simple", "variable", "variation", "grouped", "external", "virtual", "downloadable"})
VARIABLE, VARIATION, GROUPED = "variable", "variation", "grouped"
SAME_AS = {"variable-subscription": VARIABLE, "subscription_variation": VARIATION}
"""Types of its plugin for subscriptions."""

SLUGS = re.compile(r"[a-z][a-z_-]*(, [a-z][a-z_-]*)*")
"""Types as plugins name them. At least one product of a shop is of a type that is known."""

NAMES: Mapping[str, frozenset[str]] = {
    "sku": frozenset({"sku", "artikelnummer", "ugs", "cod"}),
    "barcode": frozenset(
        {"gtin, upc, ean, or isbn", "gtin, upc, ean oder isbn", "gtin, upc, ean ou isbn", "gtin, upc, ean o isbn"}
        | {"gtin, upc, ean of isbn"}
    ),
    "name": frozenset({"name", "nom", "nombre", "nome", "naam", "namn", "navn", "nazwa"}),
    "status": frozenset({"published", "veröffentlicht", "publié", "publicado", "pubblicato", "gepubliceerd"}),
    "price": frozenset(
        {"regular price", "regulärer preis", "tarif régulier", "precio normal", "prezzo di listino"}
        | {"reguliere prijs", "preço"}
    ),
    "sale": frozenset(
        {"sale price", "angebotspreis", "tarif promo", "precio rebajado", "prezzo in offerta", "actieprijs"}
        | {"preço promocional"}
    ),
    "cost": frozenset({"cost of goods"}),
    "categories": frozenset(
        {"categories", "kategorien", "catégories", "categorías", "categorie", "categorieën", "categorias"}
    ),
    "tags": frozenset({"tags", "schlagwörter", "étiquettes", "etiquetas", "tag"}),
    PARENT: frozenset({"parent", "übergeordnetes produkt", "superior", "genitore", "hoofd", "ascendente"}),
}

NUMBER = re.compile(r"\b\d+\b")

MEASURE = re.compile(r".+ ?\(.+\)$")
MEASURES = 4
"""Weight, length, width and height follow one another, each with its unit in brackets."""

AFTER_MEASURES = {"sale": 3, "price": 4, "categories": 5, "tags": 6}
"""Reviews allowed, purchase note, sale price, regular price, categories and tags follow the height."""

OPTION = re.compile(r"(?=.*\b\d+\b).*\b(value|wert|valeur|valor|valore|valuta|waarde).*")
"""The name of a column with the values of an attribute: its number stands before or after the word."""

BLOCKS = {4: 1, 5: 1, 7: 4, 8: 4}
"""The place of the values among the columns of one number, by how many these are.

The exporter writes the name, the values and two flags of an attribute, perhaps its default, and three columns of a
download before them.
"""


def is_export(header: Sequence[str], sample: Sequence[Sequence[str]]) -> bool:
    """Return whether this is an export of WooCommerce: its second column holds types, or the names are known."""
    names = {normal(name) for name in header}
    if names & NAMES["price"] and names & NAMES["sale"] and names & NAMES["status"]:
        return True
    kinds = [cells[1] for cells in sample if len(cells) > 1]
    is_slug = bool(kinds) and all(SLUGS.fullmatch(each) for each in kinds)
    return is_slug and normal(header[0]) == "id" and any(_parts(each) <= KINDS for each in kinds)


def _parts(cell: str) -> set[str]:
    return {part.strip() for part in cell.split(",")}


def columns(header: Sequence[str]) -> dict[str, int]:
    """Return the columns by field: those with a known name, the others by their place among the known ones."""
    names = [normal(name) for name in header]
    found = {
        field: next(place for place, name in enumerate(names) if name in known)
        for field, known in NAMES.items()
        if any(name in known for name in names)
    }
    by_place = _by_place(names)
    return by_place | found


def _by_place(names: Sequence[str]) -> dict[str, int]:
    """Return the places that the exporter gives its columns, if the header begins as it writes it."""
    if len(names) < 3 or names[0] != "id":  # noqa: PLR2004 - id, type, SKU
        return {}
    has_gtin = len(names) > 3 and ("gtin" in names[3] or "ean" in names[3])  # noqa: PLR2004 - since WooCommerce 9.2
    name = 4 if has_gtin else 3
    found = {ID: 0, KIND: 1, "sku": 2, "name": name, "status": name + 1} | ({"barcode": 3} if has_gtin else {})
    for place in range(len(names) - MEASURES + 1):
        if all(MEASURE.match(each) for each in names[place : place + MEASURES]):
            height = place + MEASURES - 1
            found |= {field: height + after for field, after in AFTER_MEASURES.items()}
            break
    return {field: place for field, place in found.items() if place < len(names)}


def options(header: Sequence[str]) -> tuple[int, ...]:
    """Return the columns with the values of a variation's attributes: by their names, or else by their places."""
    names = [normal(name) for name in header]
    named = tuple(place for place, name in enumerate(names) if OPTION.fullmatch(name))
    return named or tuple(_values_by_place(names))


def _values_by_place(names: Sequence[str]) -> Iterator[int]:
    for number, block in groupby(range(len(names)), lambda place: NUMBER.findall(names[place])):
        places = list(block)
        if len(number) == 1 and len(places) in BLOCKS:
            yield places[BLOCKS[len(places)]]


def kind(cell: str) -> str:
    """Return the type of a row, without the words that may stand beside it."""
    parts = (SAME_AS.get(part.strip(), part.strip()) for part in cell.split(","))
    return next((part for part in parts if part in {VARIABLE, VARIATION, GROUPED}), "")


def text(cell: str) -> str:
    """Return a name as people read it: WordPress keeps `&` as `&amp;`."""
    return cells.name(unescape(cell))


def option(cell: str) -> str:
    """Return the value of an attribute, in which the exporter writes a backslash before a comma."""
    return cells.name(cell.replace("\\,", ","))
