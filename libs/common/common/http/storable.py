"""Refuses JSON that validates, and that we could not store or would misunderstand."""

import json
from collections import Counter
from typing import cast

from common.errors import Invalid
from common.http.refusals import BODY, shown

MAX_DEPTH = 32
"""Levels of nesting; our own bodies have four or five."""

MAX_NUMBER = 10**15
"""Larger numbers could overflow a bigint column once they are added up."""

_NUL = ("contains the character NUL", "Remove it.")  # PostgreSQL stores no NUL in a text
_TOO_BIG = ("is a number beyond 10^15", "Send a smaller number.")
_TOO_DEEP = (f"lies deeper than {MAX_DEPTH} levels", "Send a flatter body.")

Found = tuple[tuple[str, str], list[object]]


def refuse_repeated(body: bytes) -> None:
    """Refuse an object with a name twice: pydantic takes the last value, the caller may have meant the first."""
    # numbers are validated already; converting long ones again is slow
    json.loads(body, object_pairs_hook=_once, parse_int=str, parse_float=str)


def _once(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise Invalid.field(shown(name), "is sent more than once", "Send it once.")


def refuse_unstorable(tree: object) -> None:
    """Refuse a value that PostgreSQL cannot store or that is nested too deeply."""
    if found := _unstorable(tree, 0):
        problem, path = found
        raise Invalid.field(".".join(shown(part) for part in reversed(path)) or BODY, *problem)


def _unstorable(value: object, depth: int) -> Found | None:
    """Return the first value that cannot be stored, with the names on the path to it, innermost first.

    The function is written for speed: a hostile body holds 100,000 values, and other requests wait meanwhile.
    """
    kind = type(value)
    if kind is str:
        return (_NUL, []) if "\x00" in cast(str, value) else None
    if kind is int or kind is float:
        return None if -MAX_NUMBER <= cast(float, value) <= MAX_NUMBER else (_TOO_BIG, [])
    if kind is not dict and kind is not list:
        return None
    if depth == MAX_DEPTH:
        return (_TOO_DEEP, [])
    inside = cast(dict[object, object], value).items() if kind is dict else enumerate(cast(list[object], value))
    for name, each in inside:
        found = _unstorable(each, depth + 1) or (_unstorable(name, depth) if kind is dict else None)
        if found:
            found[1].append(name)
            return found
    return None
