"""Removes secrets and personal data from log values, by the name of the field and by their shape."""

import math
import re
from collections.abc import Collection, Mapping
from enum import Enum

HIDDEN = "[redacted]"

LONGEST = 16_000
"""Characters kept of one text, half from each end; a traceback fits, a request body does not."""

DEEPEST = 8
"""Levels of a nested value that are kept."""

_NAMES = (
    r"authorization|token|secret|passw|cookie|clover-auth|(?:api|private|master|reference)[_-]?key|mail|phone|address"
)
_NAMED = re.compile(_NAMES, re.IGNORECASE)
"""A field whose name contains one of these is redacted ("refresh_token", "X-Clover-Auth")."""

_NAMED_WHOLLY = frozenset(
    {"code", "name", "first_name", "last_name", "firstname", "lastname", "customer", "note", "title"}
)
"""A field with exactly one of these names is redacted: OAuth codes, and free text."""

# Every repetition is bounded, so that a hostile text costs no more than its length.
_SHAPES = (
    # JSON Web Tokens
    (re.compile(r"\beyJ[\w-]{5,4000}\.[\w-]{1,4000}\.?[\w-]{0,4000}"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s{1,5}[^\s\"',;]{1,8000}"), rf"\1 {HIDDEN}"),
    # name=value, "name": "value", ("name", "value"), and OAuth's ?code=
    (
        re.compile(
            rf"((?:{_NAMES})[\w-]{{0,40}}(?:[\"']\s{{0,5}}[:=,]|\s{{0,5}}[:=])\s{{0,5}}|[?&]code=)"
            r"b?(?:\"[^\"]{0,8000}\"?|'[^']{0,8000}'?|[^\s\"',;&)}\]]{1,8000})",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    # the password in postgresql://user:password@host
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,200}:)[^\s\"']{1,500}(?=@)", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), HIDDEN),
    # Clover's tokens are UUIDs (documented); our own ids are of version 7 and stay readable
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-689a-f][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), HIDDEN),
    # PostgreSQL and pydantic quote the values they complain about
    (re.compile(r"(DETAIL:\s{0,5}).*"), rf"\1{HIDDEN}"),
    (re.compile(r"(input_value=).{0,1000}?(?=, input_type=)", re.DOTALL), rf"\1{HIDDEN}"),
)


def scrub(value: object, depth: int = 0) -> object:
    """Return the value as plain JSON values, with secrets and personal data replaced by `[redacted]`."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth >= DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {text(str(key)): _under(str(key), each, depth) for key, each in value.items()}
    if isinstance(value, Collection) and not isinstance(value, str | bytes | bytearray):
        return [scrub(each, depth + 1) for each in value]
    return text(str(value))


def text(line: str) -> str:
    """Return the text with every apparent secret and e-mail address redacted, and cut in the middle when too long."""
    for shape, instead in _SHAPES:
        line = shape.sub(instead, line)
    half = LONGEST // 2
    return line if len(line) <= LONGEST else f"{line[:half]} … {line[-half:]}"


def _under(name: str, value: object, depth: int) -> object:
    """Return the value or its redaction by name. Enum members and booleans come from closed sets and are kept."""
    if value is None or isinstance(value, bool | Enum):
        return scrub(value, depth + 1)
    hidden = _NAMED.search(name) or name.lower() in _NAMED_WHOLLY
    return HIDDEN if hidden else scrub(value, depth + 1)
