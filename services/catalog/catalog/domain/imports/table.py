"""Splits text into the records of a table. Every cell is text."""

import csv
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from catalog.domain.imports.refusals import Unreadable

DELIMITERS = (",", ";", "\t")
LONGEST_RECORD = 1024 * 1024
END = "\x00"
"""A line that no file contains. Swallowed by the last cell, it shows that a quote is open."""

MOST_COLUMNS = 1000
LONGEST_NAME = 100
"""Characters of a column's name that are compared."""


@dataclass(frozen=True)
class Record:
    """The cells of one row as they are. `number` counts as a spreadsheet does: the header is row 1."""

    number: int
    cells: Sequence[str]


class _Measured:
    """Passes lines on, and refuses a record of too many: an open quote would swallow the rest of the file."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.size = 0
        self.record = 1

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.size += len(line)
            if self.size > LONGEST_RECORD:
                raise _open_quote(self.record)
            yield line
        yield END


def records(lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    """Yield all records with a cell that is not empty, the header among them. Raises Unreadable."""
    measured, number = _Measured(lines), 0
    reader = csv.reader(measured, delimiter=delimiter, skipinitialspace=True)
    try:
        for cells in reader:
            number += 1
            if cells == [END]:
                return
            if cells and cells[-1].endswith(END):
                raise _open_quote(number)
            measured.size, measured.record = 0, number + 1
            if any(cell and not cell.isspace() for cell in cells):
                yield Record(number, cells)
    except csv.Error:
        raise _open_quote(number + 1) from None


def _open_quote(number: int) -> Unreadable:
    return Unreadable(
        f"has a cell of more than 131,072 characters, or one without an end, in row {number}",
        'Close the quote `"` that begins it; a quote within a quoted cell is written twice.',
    )


def dialect(lines: Iterator[str], known: Container[str]) -> tuple[str, Iterator[str]]:
    """Return the delimiter, and the lines of the table.

    The delimiter is the one with which the header has most columns with a known name, then most columns. A first line
    `sep=;`, as Excel reads it, decides by itself and is no row.
    """
    empty = []
    first = next(lines, "")
    while first.isspace():
        empty.append(first)
        first = next(lines, "")
    if first.lower().startswith("sep=") and len(first.rstrip("\n")) == len("sep=;"):
        return first[4], lines
    header = _header(first, lines)
    return max(DELIMITERS, key=lambda each: _score(header, each, known)), chain(empty, header, lines)


def _header(first: str, lines: Iterator[str]) -> list[str]:
    """Return the lines of the header: more than one if a quoted name has a line break."""
    header = [first]
    while sum(line.count('"') for line in header) % 2 and len(header) < MOST_COLUMNS:
        following = next(lines, None)
        if following is None:
            break
        header.append(following)
    return header


def _score(header: Sequence[str], delimiter: str, known: Container[str]) -> tuple[int, int]:
    try:
        names = next(csv.reader(header, delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return 0, 0
    return sum(normal(name) in known for name in names), len(names)


def normal(name: str) -> str:
    """Return the name of a column as it is compared: regardless of case, underscores, and punctuation at its ends."""
    return " ".join(name[:LONGEST_NAME].replace("_", " ").casefold().strip(" \t\r\n?*:'¿").split())
