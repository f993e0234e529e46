"""Field types with the lengths and limits of Clover's SDK, and the check of a request body."""

from collections.abc import Collection as Values
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from clover_sandbox.answers import bad_request
from clover_sandbox.collection import Record


@dataclass(frozen=True)
class Text:
    """A string of at most `longest` characters."""

    longest: int = 2047
    required: bool = False
    choices: Values[str] = ()

    def check(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            raise bad_request(f"{name} must be a string")
        if len(value) > self.longest:
            raise bad_request(f"{name} cannot exceed {self.longest} characters")
        if self.choices and value not in self.choices:
            raise bad_request(f"{name} must be one of {', '.join(self.choices)}")
        return value


@dataclass(frozen=True)
class Whole:
    """An integer, such as cents, a rate, milliseconds or a count."""

    least: int | None = None
    required: bool = False

    def check(self, name: str, value: Any) -> Any:
        if isinstance(value, Decimal) and value == value.to_integral_value():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
            raise bad_request(f"{name} must be a whole number")
        if self.least is not None and value < self.least:
            raise bad_request(f"{name} cannot be less than {self.least}")
        return value


@dataclass(frozen=True)
class Flag:
    """A boolean."""

    required: bool = False

    def check(self, name: str, value: Any) -> Any:
        if not isinstance(value, bool):
            raise bad_request(f"{name} must be true or false")
        return value


@dataclass(frozen=True)
class Ref:
    """A reference to another object. Only its id is stored."""

    required: bool = False

    def check(self, name: str, value: Any) -> Any:
        return {"id": ref_id(name, value)}


Field = Text | Whole | Flag | Ref
Shape = Mapping[str, Field]


def accept(shape: Shape, body: Any, *, partial: bool = False) -> Record:
    """Return the known fields of a body, or raise 400. `null` clears a field (a guess); unknown fields are ignored."""
    given = an_object(body)
    for name, field in shape.items():
        if field.required and (given.get(name) is None if not partial else given.get(name, ...) is None):
            raise bad_request(f"{name[0].upper()}{name[1:]} must not be null")
    known = {name: field for name, field in shape.items() if name in given}
    return {name: None if given[name] is None else field.check(name, given[name]) for name, field in known.items()}


def without_nulls(record: Record) -> Record:
    """Return the record without null fields, as Clover stores it (documented)."""
    return {name: value for name, value in record.items() if value is not None}


def an_object(body: Any) -> Record:
    """Return the body as a JSON object, or raise 400."""
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object")
    return body


def rows_of(body: Any, name: str) -> list[Any]:
    """Return the list under `name` (`items`, `elements`) of a body, or raise 400."""
    rows = an_object(body).get(name)
    if not isinstance(rows, list):
        raise bad_request(f"{name} must be a list")
    return rows


def optional_rows(body: Record, name: str) -> list[Any]:
    """Return the list under `name`, empty when absent. Raise 400 for another type."""
    return [] if body.get(name) is None else rows_of(body, name)


def ref_id(name: str, value: Any) -> str:
    """Return the id of a reference `{"id": ...}`, or raise 400."""
    found = value.get("id") if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise bad_request(f"{name} is missing an ID")
    return found
