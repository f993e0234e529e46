"""Takes secrets and personal data out of what is about to be logged, by the name they stand under and by shape."""

import re
from collections.abc import Collection, Mapping

HIDDEN = "[redacted]"

LONGEST = 16_000
"""Characters of one text that are kept; a traceback fits, a request body does not."""

DEEPEST = 8

_WORDS = "authorization|token|secret|passw|cookie|clover-auth|api-?key|private-?key|master-?key"
_NAMED = re.compile(rf"{_WORDS}|e?mail|phone|address", re.IGNORECASE)
"""Names under which nothing is shown, wherever the word stands in them ("refresh_token", "X-Clover-Auth")."""

_NAMED_WHOLLY = frozenset(
    {"code", "name", "first_name", "last_name", "firstname", "lastname", "customer", "note", "title"}
)
"""Names under which nothing is shown when that is the whole name: OAuth codes and what people type."""

_SHAPES = (
    # JSON Web Tokens
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.?[\w-]*"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+"), rf"\1 {HIDDEN}"),
    # name=value, "name": "value", and OAuth's ?code=
    (
        re.compile(
            rf"(?i)((?:\b|[_-])[\w-]*(?:{_WORDS})[\w-]*[\"']?\s*[:=]\s*|[?&]code=)[bB]?(\"[^\"]*\"|'[^']*'|[^\s\"',;&)}}\]]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    # the password in postgresql://user:password@host
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/@]+(?=@)", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), HIDDEN),
    # Clover's tokens are UUIDs; ours are version 7 and stay readable
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-689a-f][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), HIDDEN),
    # PostgreSQL and pydantic quote the values they complain about
    (re.compile(r"(DETAIL:\s*).*"), rf"\1{HIDDEN}"),
    (re.compile(r"(input_value=).*?(?=, input_type=)", re.DOTALL), rf"\1{HIDDEN}"),
)


def scrub(value: object, depth: int = 0) -> object:
    """The same as plain JSON values, with what must not be seen replaced by `[redacted]`."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {text(str(key)): _named(str(key), each, depth) for key, each in value.items()}
    if isinstance(value, Collection) and not isinstance(value, str | bytes | bytearray):
        return [scrub(each, depth + 1) for each in value]
    return text(value if isinstance(value, str) else str(value))


def text(line: str) -> str:
    """This text without what looks like a secret or an e-mail address."""
    line = line[:LONGEST]
    for shape, instead in _SHAPES:
        line = shape.sub(instead, line)
    return line


def _named(name: str, value: object, depth: int) -> object:
    hidden = _NAMED.search(name) or name.lower() in _NAMED_WHOLLY
    return HIDDEN if hidden and value is not None and not isinstance(value, bool) else scrub(value, depth + 1)
