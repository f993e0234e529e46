"""Parses the query of a list call: limit, offset, filter, expand, orderBy, return_null_fields."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from clover_sandbox.answers import bad_request
from clover_sandbox.switches import Switches

DEFAULT_LIMIT = 100
MOST_IN_A_PAGE = 1000
MOST_EXPANDS = 3
DEEPEST_EXPAND = 2
DEEPEST_OFFSET = 1000
LARGEST_WHOLE = 2**31 - 1
# No stored number is larger. Without a bound, a short text can name a number that takes seconds to print.
MOST_DIGITS = 400

Tree = dict[str, "Tree"]

_FILTER = re.compile(r"^\s*([\w.]+)\s*(!=|>=|<=|=|>|<|\s[iI][nN]\s*(?=\())\s*(.*?)\s*$", re.DOTALL)
_VALUE = re.compile(r"'((?:[^'\\]|\\.)*)'|([^,()]+)")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
}


@dataclass(frozen=True)
class Condition:
    """One `filter`: a field, one of `=  !=  >  >=  <  <=  in`, and the operands as text."""

    field: str
    op: str
    values: tuple[str, ...]

    @property
    def names_values(self) -> bool:
        """Return whether the condition compares whole values, which an index can find."""
        return self.op in {"=", "in"} and not any(value.endswith("*") for value in self.values)

    def holds(self, found: Sequence[Any]) -> bool:
        """Return whether one of a record's values matches. An absent value matches only `!=`."""
        if self.op == "!=":
            return not any(same(value, self.values[0]) for value in found)
        if self.op in {"=", "in"}:
            return any(same(value, wanted) for value in found for wanted in self.values)
        return any(_ordered(value, self.op, self.values[0]) for value in found)


@dataclass(frozen=True)
class Query:
    """The parsed query of a list call."""

    limit: int
    offset: int
    conditions: tuple[Condition, ...]
    filters: tuple[str, ...]
    order: tuple[str, bool] | None
    expand: Tree
    nulls: bool


def parse_query(pairs: Iterable[tuple[str, str]], switches: Switches) -> Query:
    """Parse the query of a request, or raise 400 with Clover's text."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    filters = tuple(given.get("filter", ()))
    return Query(
        limit=_limit(given),
        offset=_offset(given, switches["offset_cap"]),
        conditions=tuple(parse_filter(text) for text in filters),
        filters=filters,
        order=_order(given),
        expand=parse_expand(given.get("expand", ()), switches),
        nulls=given.get("return_null_fields") == ["true"] or switches["null_fields"] == "null",
    )


def parse_filter(text: str) -> Condition:
    """Parse `field op value`, or `field in ('a','b')` with several values."""
    match = _FILTER.match(text)
    if match is None:
        raise bad_request(f"Invalid filter: {text}")
    field, op, value = match.group(1), match.group(2).strip().lower(), match.group(3)
    values = [quoted or bare.strip() for quoted, bare in _VALUE.findall(value)]
    if op == "in":
        return Condition(field, op, tuple(values))
    return Condition(field, op, (value[1:-1] if len(value) > 1 and value[0] == value[-1] == "'" else value,))


def parse_expand(texts: Iterable[str], switches: Switches) -> Tree:
    """Parse at most three expands, comma-separated or repeated, with up to two dotted levels (documented)."""
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    if len(names) > MOST_EXPANDS:
        if switches["too_many_expands"] == "refuse":
            raise bad_request(f"expand cannot have more than {MOST_EXPANDS} fields")
        names = names[:MOST_EXPANDS]
    tree: Tree = {}
    for name in names:
        branch = tree
        for part in name.split(".")[:DEEPEST_EXPAND]:
            branch = branch.setdefault(part, {})
    return tree


def same(value: Any, wanted: str) -> bool:
    """Return whether a stored value equals a filter's text. A trailing `*` matches any ending."""
    if isinstance(value, bool):
        return wanted.lower() == str(value).lower()
    if isinstance(value, str):
        return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted
    number = as_number(wanted)
    return number is not None and bool(value == number)


def as_number(text: str) -> Decimal | None:
    """Return the text as a finite number, or None."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and number.adjusted() < MOST_DIGITS else None


def _ordered(value: Any, op: str, wanted: str) -> bool:
    if isinstance(value, str):
        return _COMPARE[op](value, wanted)
    number = as_number(wanted)
    return number is not None and _COMPARE[op](value, number)


def _limit(given: Mapping[str, list[str]]) -> int:
    limit = _whole(given, "limit", DEFAULT_LIMIT)
    if limit > MOST_IN_A_PAGE:
        raise bad_request(f"limit cannot be greater than {MOST_IN_A_PAGE}")
    if limit < 0:
        raise bad_request("limit cannot be negative")
    return limit


def _offset(given: Mapping[str, list[str]], cap: str) -> int:
    """Return the offset of the page. A switch decides whether Clover caps it."""
    offset = _whole(given, "offset", 0)
    if offset < 0:
        raise bad_request("offset cannot be negative")
    if cap == "none" or offset <= DEEPEST_OFFSET:
        return offset
    if cap == "1000_refused":
        raise bad_request(f"offset cannot be greater than {DEEPEST_OFFSET}")
    return LARGEST_WHOLE if cap == "1000_ends" else DEEPEST_OFFSET


def _whole(given: Mapping[str, list[str]], name: str, default: int) -> int:
    text = given.get(name, [str(default)])[-1]
    try:
        number = int(text)
    except ValueError:
        raise bad_request(f"{name} must be a number") from None
    if abs(number) > LARGEST_WHOLE:
        raise bad_request(f"{name} must be a number")
    return number


def _order(given: Mapping[str, list[str]]) -> tuple[str, bool] | None:
    """Return (field, descending), or None for the default order."""
    text = given.get("orderBy", [""])[-1].strip()
    if not text:
        return None
    field, _, direction = text.partition(" ")
    if direction.strip().upper() not in {"", "ASC", "DESC"}:
        raise bad_request(f"Invalid orderBy: {text}")
    return field, direction.strip().upper() == "DESC"
