"""Files of products as they are read, for the tests of that."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from catalog.domain.imports import reading
from catalog.domain.imports.reading import Draft, Found
from catalog.domain.imports.refusals import Refusal
from catalog.domain.imports.survey import Choices, Survey, Surveyor

FILES = Path(__file__).parent / "files"


def survey(body: bytes, *, currency: str = "USD", size: int = 1 << 16, **choices: Any) -> Survey:
    surveyor = Surveyor(parts(body, size), Choices(**choices), currency)
    for _ in surveyor.steps():
        pass
    return surveyor.survey()


def parts(body: bytes, size: int) -> Iterable[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def read(body: bytes | str, **choices: Any) -> list[Found]:
    body = body.encode() if isinstance(body, str) else body
    found = survey(body, **choices)
    assert found.questions == ()
    return list(reading.rows(parts(body, choices.get("size", 1 << 16)), found))


def products(body: bytes | str, **choices: Any) -> list[dict[str, Any]]:
    """The values of all rows, which must all be products."""
    found = read(body, **choices)
    assert all(isinstance(each, Draft) for each in found), found
    return [dict(each.values) for each in found if isinstance(each, Draft)]


def of(name: str, *fields: str, **choices: Any) -> list[tuple[Any, ...]]:
    """These fields of the products in a file."""
    found = read((FILES / name).read_bytes(), **choices)
    assert not [each for each in found if isinstance(each, Refusal)], found
    return [tuple(each.values.get(name) for name in fields) for each in found if isinstance(each, Draft)]


def refusal(body: bytes | str, **choices: Any) -> tuple[int, str, str]:
    """The row, column and problem of the only refused row."""
    [found] = [each for each in read(body, **choices) if isinstance(each, Refusal)]
    [problem] = found.problems
    assert problem.remedy
    return found.row, problem.field, problem.problem


FIELDS = ("name", "sku", "price", "status", "barcode")


def place(row: Found) -> tuple[Any, ...] | None:
    """The group, the name of the parent and the options of a row, if it is a variant."""
    assert isinstance(row, Draft)
    found = row.values.get("variant")
    return tuple(found.values()) if isinstance(found, dict) else None
