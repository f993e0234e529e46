"""The second reading of a file: each of its rows as a product, as a refusal, or as a row that holds no product."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from catalog.domain.imports import cells, text, woocommerce
from catalog.domain.imports.cells import BadCell
from catalog.domain.imports.names import FIELDS, HANDLE, ID, KIND, NO_OPTION, PARENT, Shop
from catalog.domain.imports.refusals import Refusal
from catalog.domain.imports.survey import Survey
from catalog.domain.imports.table import Record, dialect, records
from catalog.domain.items import LABELS
from catalog.domain.products import Status
from common.errors import Problem

WITH_VARIANTS = frozenset({Shop.SHOPIFY, Shop.MEDUSA, Shop.VENDURE, Shop.SQUARE})
"""The shops whose files have several rows for a product. Elsewhere an empty name is only an empty cell."""

CATEGORIES: Mapping[Shop, Callable[[str], tuple[str, ...]]] = {
    Shop.SHOPIFY: cells.single,  # the product's type, which may have a comma
    Shop.WOOCOMMERCE: cells.leaves,
    Shop.SQUARE: cells.square_categories,
}

NAME: Mapping[Shop, Callable[[str], str]] = {Shop.WOOCOMMERCE: woocommerce.text}

OPTION: Mapping[Shop, Callable[[str], str]] = {
    Shop.WOOCOMMERCE: woocommerce.option,
    Shop.VENDURE: lambda cell: cells.name(cell.replace("|", " / ")),  # all options of a variant stand in one cell
}

STATUS: Mapping[Shop, Callable[[str], object]] = {Shop.SQUARE: cells.archived}
"""How the status is read, if not by its name. A reader returns None for a cell that says nothing."""

KNOWN_TO_ALL = ("name", "status", "currency", "categories", "tags", "tax_rates")
"""The fields that only the first row of a product has; the following rows, its variants, take them over."""


@dataclass(frozen=True)
class Draft:
    """A product as its row has it: only the fields that the file gives, as they would be stored."""

    row: int
    values: Mapping[str, object]


@dataclass(frozen=True)
class NoProduct:
    """A row that describes no product of its own: a further image, or the parent of variations."""

    row: int


Found = Draft | Refusal | NoProduct


@dataclass
class _Product:
    """The product that the rows belong to at the moment."""

    handle: str = ""
    shared: dict[str, object] = field(default_factory=dict)
    option_names: list[str] = field(default_factory=list)


class Reader:
    """Reads the records of a surveyed file."""

    def __init__(self, survey: Survey) -> None:
        self._layout = survey.layout
        self._readers: dict[str, Callable[[str], object]] = {
            "product_id": cells.exact,
            "name": NAME.get(survey.layout.shop, cells.name),
            "sku": cells.code,
            **{name: _price(survey, sign) for name, sign in survey.decimals.items()},
            "currency": lambda cell: cells.code(cell).upper(),
            "status": STATUS.get(survey.layout.shop, cells.status),
            "barcode": cells.barcode,
            "alternate_name": cells.code,
            "unit_name": cells.code,
            "age_restricted": cells.boolean,
            "categories": CATEGORIES.get(survey.layout.shop, cells.names),
            "tags": cells.names,
            "tax_rates": cells.names,
            "variant_group": cells.exact,
            "variant_name": cells.name,
            "variant_options": cells.options,
        }
        self._product = _Product()
        self._no_option = NO_OPTION.get(survey.layout.shop, frozenset())
        self._parents: dict[str, dict[str, object]] = {}

    def read(self, record: Record) -> Found:
        """Return what the record holds."""
        if len(record.cells) > len(self._layout.header) and any(record.cells[len(self._layout.header) :]):
            return Refusal(record.number, (_too_many(record, len(self._layout.header)),))
        values, problems = self._values(record)
        complete = self._by_parent if self._layout.shop is Shop.WOOCOMMERCE else self._by_handle
        try:
            is_product = complete(record, values, bool(problems))
        except BadCell as error:
            return Refusal(record.number, (*problems, error.of("name")))
        if not is_product:
            return NoProduct(record.number)
        return Refusal(record.number, tuple(problems)) if problems else Draft(record.number, values)

    def _values(self, record: Record) -> tuple[dict[str, object], list[Problem]]:
        """Return the values of the cells that are not empty, and the problems of those that cannot be read."""
        values: dict[str, object] = {}
        problems = []
        for name in FIELDS:
            cell = self._cell(record, name)
            if cell and not cell.isspace():
                try:
                    values[name] = self._readers[name](cell)
                except BadCell as error:
                    problems.append(error.of(self._layout.column(name)))
        return {name: value for name, value in values.items() if value is not None}, problems

    def _by_handle(self, record: Record, values: dict[str, object], has_problems: bool) -> bool:
        """Complete the row by the product it follows; return whether it is a product of its own."""
        handle, product = self._cell(record, HANDLE).strip(), self._product
        has_variants = self._layout.shop in WITH_VARIANTS
        follows = has_variants and "name" not in values and bool(product.shared) and handle in {"", product.handle}
        options = self._options(record)
        if follows and not (has_problems or options or values.keys() - KNOWN_TO_ALL):
            return False
        if follows:
            values |= {name: value for name, value in product.shared.items() if name not in values}
        else:
            shared = {name: values[name] for name in KNOWN_TO_ALL if name in values}
            self._product = _Product(handle, shared, self._option_names(record))
        self._add_variant(record, values, self._product)
        _add_options(values, options)
        return True

    def _by_parent(self, record: Record, values: dict[str, object], _: bool) -> bool:
        """Complete a variation of WooCommerce by its parent; return whether the row is a product of its own.

        The rows are sorted by id, so other parents and products may stand between the two.
        """
        kind = woocommerce.kind(self._cell(record, KIND))
        if kind == woocommerce.VARIABLE:
            identity = f"id:{self._cell(record, ID).strip()}"
            shared = {name: value for name, value in values.items() if name in {"name", "status", *LABELS}}
            self._parents |= dict.fromkeys((identity, str(values.get("sku", identity))), shared)
        if kind == woocommerce.VARIATION:
            parent = self._parents.get(cells.code(self._cell(record, PARENT)), {})
            values |= {name: parent[name] for name in LABELS if name in parent and name not in values}
            if parent.get("status", Status.ACTIVE) is not Status.ACTIVE:  # the exporter says so of a draft alone
                values["status"] = parent["status"]
            if "name" in parent:
                group = _Product(self._cell(record, PARENT), parent, self._option_names(record))
                self._add_variant(record, values, group)
                if values.get("name", parent["name"]) == parent["name"]:
                    values["name"] = parent["name"]
                    _add_options(values, self._options(record))
        return kind not in {woocommerce.VARIABLE, woocommerce.GROUPED}

    def _add_variant(self, record: Record, values: dict[str, object], product: _Product) -> None:
        """Make the row a variant of the product if that has a handle, and each option of the row a name."""
        found = dict(zip(product.option_names, self._option_values(record), strict=False))
        options = {name: value for name, value in found.items() if name and value}
        is_complete = bool(options) and len(options) == len(self._options(record))
        if product.handle and "name" in product.shared and is_complete:
            group = cells.code(product.handle)
            values["variant"] = {"group": group, "name": product.shared["name"], "options": options}

    def _option_names(self, record: Record) -> list[str]:
        places = self._layout.option_names
        return [cells.name(record.cells[place]) if place < len(record.cells) else "" for place in places]

    def _option_values(self, record: Record) -> list[str]:
        """Return the value of each option, empty for one that the product does not have."""
        read = OPTION.get(self._layout.shop, cells.name)
        found = [read(record.cells[place]) if place < len(record.cells) else "" for place in self._layout.options]
        return ["" if each.casefold() in self._no_option else each for each in found]

    def _options(self, record: Record) -> list[str]:
        return [each for each in self._option_values(record) if each]

    def _cell(self, record: Record, name: str) -> str:
        place = self._layout.fields.get(name)
        return "" if place is None or place >= len(record.cells) else record.cells[place]


def _price(survey: Survey, decimal: str) -> Callable[[str], int | None]:
    """Return the reader of prices. Square writes `variable` for one that is entered at the sale: it is no price."""
    read = cells.price(decimal, survey.currency)
    if survey.layout.shop is not Shop.SQUARE:
        return read
    return lambda cell: None if cell.strip().casefold() == "variable" else read(cell)


def _add_options(values: dict[str, object], options: list[str]) -> None:
    if options and "name" in values:
        values["name"] = f"{values['name']} - {' / '.join(options)}"


def _too_many(record: Record, expected: int) -> Problem:
    return Problem(
        "row",
        f"has {len(record.cells)} cells, but the header has {expected}",
        'Put a text that contains the separator of the columns, or a quotation mark, into quotation marks `"`.',
    )


def rows(chunks: Iterable[bytes], survey: Survey) -> Iterator[Found]:
    """Yield what each row of the surveyed file holds."""
    _, lines = dialect(text.lines(chunks), frozenset())
    found = records(lines, survey.delimiter)
    next(found, None)  # the header
    reader = Reader(survey)
    return (reader.read(record) for record in found)
