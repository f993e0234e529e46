"""The cells of a row: every one is text, and means what its column is for."""

import json
import re
from collections.abc import Callable, Iterable, Mapping

from catalog.domain.imports import amounts
from catalog.domain.imports.amounts import BadAmount
from catalog.domain.matching_keys import name_key
from catalog.domain.products import Status
from common.errors import Problem

GUARD = "'"
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_PART = re.compile(r"\\[,\\]|[^\\,]+|[\\,]")
_TOKEN = re.compile(r" \([A-Z0-9]{24}\)(?=\s*(?:,|$))")
_SCIENTIFIC = re.compile(r"\d([.,]\d+)?E\+?\d+", re.IGNORECASE)

TRUE = (
    "1",
    "yes",
    "true",
    "y",
    "t",
    "x",
    "ja",
    "oui",
    "sí",
    "si",
    "sì",
    "sim",
    "wahr",
    "vrai",
    "verdadero",
    "vero",
    "waar",
)
FALSE = ("0", "no", "false", "n", "f", "nein", "non", "não", "nee", "falsch", "faux", "falso", "onwaar")
"""Spreadsheets write TRUE and FALSE in the language of the computer."""

STATUSES: Mapping[str, Status] = {
    **dict.fromkeys(("active", "published", "publish", "enabled", "visible", *TRUE), Status.ACTIVE),
    **dict.fromkeys(("draft", "proposed", "pending", "2", "-1"), Status.DRAFT),
    **dict.fromkeys(("inactive", "disabled", "hidden", "private", "rejected", "unlisted", *FALSE), Status.INACTIVE),
    "archived": Status.ARCHIVED,
}
"""WooCommerce has 1 for published, 0 for private, -1 for a draft and 2 for one that waits for approval."""


class BadCell(ValueError):
    """A cell that cannot be read. `problem` ends a sentence, `remedy` is one."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy

    def of(self, column: str) -> Problem:
        """Return the problem of this column."""
        return Problem(column, self.problem, self.remedy)


def unguarded(cell: str) -> str:
    """Return the text without the `'` that guards it from being taken for a formula.

    WooCommerce and our own export write it before `=`, `+`, `-` and `@`. No text is refused for how it begins.
    """
    return cell[1:] if _GUARDED.match(cell) else cell


def guarded(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula, and `unguarded` gives it back."""
    return GUARD + text if _FORMULA.match(text) else text


def exact(cell: str) -> str:
    """Return the text as it is."""
    return _whole(unguarded(cell))


def code(cell: str) -> str:
    """Return a text without spaces around it."""
    return _whole(unguarded(cell.strip()))


def name(cell: str) -> str:
    """Return the text on one line."""
    return " ".join(code(cell).split())


def barcode(cell: str) -> str:
    """Return the barcode. Shopify and spreadsheets write `'` or `="…"` around one so that it stays a text."""
    digits = code(cell).removeprefix(GUARD).removeprefix('="').removesuffix('"')
    if _SCIENTIFIC.fullmatch(digits):
        raise BadCell(
            f"is {digits}: a spreadsheet rounded the barcode, and its last digits are lost",
            "Format the column as text before the barcodes are put in, or import the file that the shop exported.",
        )
    return digits


def _whole(text: str) -> str:
    if "\ufffd" in text:
        raise BadCell("contains �: a character was lost before the import", "Type the character again.")
    return text


def status(cell: str) -> Status:
    """Return the status that this word means."""
    found = STATUSES.get(code(cell).casefold())  # WooCommerce wrote '-1 for a draft, until it left numbers as they are
    if found is None:
        raise BadCell(
            f"is `{cell.strip()[:40]}`, a status that we don't know",
            "Write active, draft, inactive or archived; or yes or no, true or false, 1 or 0.",
        )
    return found


def archived(cell: str) -> Status | None:
    """Return the status of an archived product; None for any other, as the cell says nothing else of it."""
    return Status.ARCHIVED if boolean(cell) else None


def boolean(cell: str) -> bool:
    """Return the truth that this word means. -1 is true, as in databases of Microsoft."""
    word = code(cell).casefold()
    if word in TRUE or word == "-1":
        return True
    if word in FALSE:
        return False
    raise BadCell(f"is `{word[:40]}`, which is neither yes nor no", "Write yes or no, true or false, 1 or 0.")


def names(cell: str) -> tuple[str, ...]:
    """Return the names between commas, each once. Within a name a backslash stands before a comma or a backslash."""
    parts = (_whole(" ".join(part.split())) for part in _listed(unguarded(cell.strip())))
    return _distinct(each for each in parts if each)


def leaves(cell: str) -> tuple[str, ...]:
    """Return the last name of each path, as Clover's categories are not nested: of `Clothing > Tops` it is `Tops`."""
    return _distinct(each.rpartition(" > ")[2].strip() for each in names(cell))


def square_categories(cell: str) -> tuple[str, ...]:
    """Return the last name of each path, without the token that Square puts in brackets behind it."""
    return leaves(_TOKEN.sub("", cell))


def options(cell: str) -> dict[str, str]:
    """Return the values of options by their names, which our own export writes as a JSON object."""
    try:
        found = json.loads(unguarded(cell.strip()))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise BadCell("is not a list of options", 'Write each option with its value, such as {"Size": "M"}.')
    return found


def single(cell: str) -> tuple[str, ...]:
    """Return the one name of the cell."""
    return (name(cell),)


def _distinct(found: Iterable[str]) -> tuple[str, ...]:
    by_key: dict[str, str] = {}
    for each in found:
        by_key.setdefault(name_key(each), each)
    return tuple(by_key.values())


def _listed(cell: str) -> list[str]:
    parts = [""]
    for each in _PART.findall(cell):
        if each == ",":
            parts.append("")
        else:
            parts[-1] += each[1:] if each in {"\\,", "\\\\"} else each
    return parts


def joined(found: Iterable[str]) -> str:
    """Return the names as one cell, which `names` reads."""
    return ", ".join(each.replace("\\", "\\\\").replace(",", "\\,") for each in found)


def price(decimal: str, currency: str) -> Callable[[str], int]:
    """Return the reader of a column of prices."""

    def read(cell: str) -> int:
        try:
            return amounts.parse(cell.strip(), decimal, currency)
        except BadAmount as error:
            raise BadCell(str(error), f"Write an amount in {currency}, such as 12{decimal}50.") from None

    return read
