"""The first reading of a file: decides its delimiter, columns and decimal sign, and what has to be asked."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from catalog.domain.imports import layout, text
from catalog.domain.imports.amounts import Evidence, both_readings
from catalog.domain.imports.layout import PRICE, Layout
from catalog.domain.imports.names import KNOWN, MONEY, Shop
from catalog.domain.imports.refusals import Question, Unreadable
from catalog.domain.imports.table import Record, dialect, records
from common import messages

SAMPLE = 50
"""Rows that tell a shop apart whose headers are in an unknown language."""

MOST_ROWS = 250_000
"""Upper bound of the rows of one file. The SKUs that the file had so far are kept while it is read."""

DECIMALS = (".", ",")


@dataclass(frozen=True)
class Choices:
    """The caller's decisions about a file: the columns of fields, and the decimal sign of its prices."""

    columns: Mapping[str, str | None] = field(default_factory=dict)
    decimal: str | None = None


@dataclass(frozen=True)
class Survey:
    """The facts about a whole file. Rows can be read once no question is open.

    `decimals` has the decimal sign of each column with amounts, by its field.
    """

    layout: Layout
    delimiter: str
    decimals: Mapping[str, str]
    currency: str
    rows: int
    questions: tuple[Question, ...]


class Surveyor:
    """Takes a survey record by record, so that its caller can let others go on between them."""

    def __init__(self, chunks: Iterable[bytes], given: Choices, currency: str) -> None:
        layout.check_fields(given.columns)
        self._given, self._currency = given, currency
        self._delimiter, lines = dialect(text.lines(chunks), KNOWN)
        self._records = records(lines, self._delimiter)

    def steps(self) -> Iterator[None]:
        """Read the whole file, one record a step. Raises Unreadable."""
        header = next(self._records, None)
        if header is None:
            raise Unreadable("is empty", "Send a table with a header and at least one row.")
        names = [cell.strip() for cell in header.cells]
        sample: list[Record] = []
        for record in self._records:
            sample.append(record)
            yield
            if len(sample) == SAMPLE:
                break
        self._layout = layout.recognise(names, [each.cells for each in sample], self._given.columns, self._currency)
        places = [self._layout.fields[each] for each in MONEY if each in self._layout.fields]
        self._evidence = {place: Evidence() for place in (*self._layout.prices, *places)}
        self._rows = 0
        for record in sample:
            self._note(record)
        for record in self._records:
            self._note(record)
            yield

    def _note(self, record: Record) -> None:
        self._rows += 1
        if self._rows > MOST_ROWS:
            raise Unreadable(f"has more than {MOST_ROWS} rows", "Split it into several files, each with the header.")
        for place, evidence in self._evidence.items():
            if place < len(record.cells):
                evidence.add(record.cells[place].strip(), record.number)

    def survey(self) -> Survey:
        """Return the survey, after the last step. Raises Unreadable for a file without rows."""
        if not self._rows:
            raise Unreadable("has a header and no rows", "Send at least one row.")
        price, questions = self._price()
        others = {name: place for name, place in self._layout.fields.items() if name != PRICE}
        found = replace(self._layout, fields=others | price)
        decimals, unclear = self._decimals(found)
        asked = (*layout.unknown_columns(found), *questions, *unclear)
        return Survey(found, self._delimiter, decimals, self._currency, self._rows, asked)

    def _price(self) -> tuple[dict[str, int], list[Question]]:
        """Return the column of the price. It is asked for if more than one holds prices."""
        candidates = self._layout.prices or [place for name, place in self._layout.fields.items() if name == PRICE]
        filled = [place for place in candidates if self._evidence[place].filled]
        if len(filled) <= 1:
            return {PRICE: place for place in (filled or candidates)[:1]}, []  # noqa: B035 - at most one
        options = tuple(self._layout.header[place] for place in filled)
        texts, names = messages.for_locale(), ", ".join(f"`{name[:60]}`" for name in options)
        question = Question(
            "columns.price",
            texts.text("import.which_price", names=names),
            options,
            texts.text("import.which_price.remedy", value=json.dumps({"price": options[0]}, ensure_ascii=False)),
        )
        return {}, [question]

    def _decimals(self, found: Layout) -> tuple[dict[str, str], list[Question]]:
        """Return the decimal sign of each column with amounts; it is asked for if a column contradicts itself.

        A column that fits both signs has that of the other one, as the same program wrote both.
        """
        columns = {name: self._evidence[found.fields[name]] for name in MONEY if name in found.fields}
        if self._given.decimal:
            return dict.fromkeys(columns, self._given.decimal), []
        # our own files have a dot before the cents and no other sign, unless a spreadsheet saved them with commas
        usual = "." if found.shop is Shop.QUICKSYNC else None
        clear = {name: each.decimal for name, each in columns.items() if each.decimal and (each.comma or each.dot)}
        decimals, questions = {}, []
        for name, evidence in columns.items():
            is_unclear = evidence.decimal is None
            other = None if evidence.comma else next(iter(clear.values()), None)
            if "," not in evidence.unclear_cell and not evidence.comma:
                other = usual or other
            decimals[name] = evidence.decimal or other or "."
            if is_unclear and other is None:
                questions.append(_which_sign(found.column(name), evidence))
        return decimals, questions


def _which_sign(column: str, evidence: Evidence) -> Question:
    texts = messages.for_locale()
    if evidence.comma and evidence.dot:
        rows = {"row": str(evidence.first_comma), "other": str(evidence.first_dot)}
        asked = texts.text("import.which_decimal", name=column, **rows)
    else:
        before, after = both_readings(evidence.unclear_cell)
        shown = {"value": evidence.unclear_cell, "before": before, "after": after}
        asked = texts.text("import.which_decimal.unclear", name=column, row=str(evidence.first_unclear), **shown)
    return Question("decimal", asked, DECIMALS, texts.text("import.which_decimal.remedy"))
