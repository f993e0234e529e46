"""Reads and validates bodies, queries and paths; every refusal names the field and the remedy."""

import asyncio
import json
import re
import unicodedata
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar, cast, get_args

from aiohttp import ClientPayloadError, web
from multidict import MultiMapping
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from common.errors import Invalid, Problem
from common.http.problems import Refused
from common.http.routes import Input
from common.text import is_addressable

M = TypeVar("M", bound=BaseModel)

MAX_DEPTH = 32
"""Levels of nesting; our own bodies have four or five."""

MAX_NUMBER = 10**15
"""Larger numbers could overflow a bigint column once they are added up."""

MAX_PARAMETER = 120
MAX_ERRORS = 20

_BODY = "body"

_NUL = ("contains the character NUL", "Remove it.")  # PostgreSQL stores no NUL in a text
_TOO_BIG = ("is a number beyond 10^15", "Send a smaller number.")
_TOO_DEEP = (f"lies deeper than {MAX_DEPTH} levels", "Send a flatter body.")

_WHOLE = re.compile(r"-?[0-9]+")
"""The only form of whole numbers in a query; pydantic accepts `1_0`, `+5` and `5.0` as well."""

Found = tuple[tuple[str, str], list[object]]


async def read_body(request: web.Request, limit: int, within: float) -> bytes:
    """Read the whole body: at most `limit` bytes, within `within` seconds. Raises Refused (400, 408, 413)."""
    refuse_too_large(request, limit)
    body = bytearray()
    with _unreadable(within):
        if request.content.is_eof():  # a small body arrives together with the headers
            body += request.content.read_nowait()
            _refuse_beyond(limit, len(body))
            return bytes(body)
        async with asyncio.timeout(within):
            async for chunk in request.content.iter_any():
                body += chunk
                _refuse_beyond(limit, len(body))
    return bytes(body)


async def chunks(
    request: web.Request, limit: int, size: int, idle: float, within: float
) -> AsyncGenerator[bytes, None]:
    """Read the body in parts of at most `size` bytes, each within `idle` seconds. The rest is as for `read_body`."""
    refuse_too_large(request, limit)
    read, end = 0, asyncio.get_running_loop().time() + within
    while True:
        until = min(asyncio.get_running_loop().time() + idle, end)
        with _unreadable(within if until == end else idle):
            async with asyncio.timeout_at(until):
                chunk = await request.content.read(size)
        if not chunk:
            return
        read += len(chunk)
        _refuse_beyond(limit, read)
        yield chunk


@contextmanager
def _unreadable(within: float) -> Iterator[None]:
    """Refuse a body that cannot be read to its end."""
    try:
        yield
    except TimeoutError:
        raise _refused(408, "too_slow", f"did not arrive within {within:g} seconds", "Send it faster.") from None
    except (ClientPayloadError, web.PayloadAccessError, web.RequestPayloadError):
        raise _refused(
            400, "unreadable", "is not encoded as its headers say", "Correct it, or Content-Encoding and its like."
        ) from None
    except ConnectionError:
        raise _refused(400, "unreadable", "broke off before it was whole", "Send it again.") from None


def refuse_too_large(request: web.Request, limit: int) -> None:
    """Refuse (413) a body whose Content-Length exceeds `limit` bytes, without reading it."""
    _refuse_beyond(limit, request.content_length or 0)


def _refuse_beyond(limit: int, size: int) -> None:
    if size > limit:
        raise _refused(413, "too_large", f"is larger than {limit} bytes", "Send less at once.")


def row_too_large(limit: int) -> Refused:
    """Return the refusal of a body with a row of more than `limit` bytes."""
    return _refused(413, "too_large", f"has a row of more than {limit} bytes", "Correct that row.")


def from_body(model: type[M], content_type: str, charset: str | None, body: bytes) -> M:
    """Validate a JSON body. Raises Refused (400, 415) and Invalid."""
    require_json(content_type, charset)
    return _from_json(model, body)


def require_json(content_type: str, charset: str | None) -> None:
    """Refuse (415) a body that is not declared as JSON in UTF-8."""
    if content_type != "application/json" or (charset or "utf-8").lower() not in {"utf-8", "utf8"}:
        remedy = "Send JSON in UTF-8 with `Content-Type: application/json`."
        raise _refused(415, "unsupported_media_type", "is not JSON in UTF-8", remedy, field="Content-Type")


def _from_json(model: type[M], body: bytes) -> M:
    try:
        tree = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise malformed() from None
    _refuse_unstorable(tree)
    try:
        values = model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(model, error) from None
    _refuse_repeated(body)
    return values


def row(model: type[M], body: bytes) -> M:
    """Validate one of many JSON values. Raises Refused (400) and Invalid.

    A plain one, a single object without escapes, is parsed once: it holds no NUL, and a name that occurs once is not
    repeated.
    """
    if b"\\" in body or body.count(b"{") != 1 or any(body.count(name) > 1 for name in _quoted_names(model)):
        return _from_json(model, body)
    try:
        values = model.model_validate_json(body)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise malformed() from None
        raise invalid(model, error) from None
    _refuse_unstorable(values.model_dump(by_alias=True))
    return values


@cache
def _quoted_names(model: type[BaseModel]) -> tuple[bytes, ...]:
    return tuple(f'"{field.alias or name}"'.encode() for name, field in model.model_fields.items())


def malformed() -> Refused:
    """Return the refusal of a body that is not JSON."""
    return _refused(400, "malformed_json", "is not JSON in UTF-8", "Send one complete JSON value.")


def no_array() -> Refused:
    """Return the refusal of a body that begins with an object where an array of rows is expected."""
    remedy = "Send a JSON array, or one object a line with `Content-Type: application/x-ndjson`."
    return _refused(400, "malformed_json", "is not a JSON array", remedy)


def _refused(status: int, code: str, problem: str, remedy: str, field: str = _BODY) -> Refused:
    return Refused(status, code, f"The {field} {problem}.", [Problem(field, problem, remedy)])


def from_query(model: type[M], query: MultiMapping[str]) -> M:
    """Validate query parameters. Raises Invalid."""
    for name in query:
        if len(query.getall(name)) > 1:
            raise Invalid.field(shown(name), "is sent more than once", "Send it once.")
    _refuse_unstorable(dict(query))
    try:
        values = model.model_validate_strings(dict(query))
    except ValidationError as error:
        raise invalid(model, error) from None
    for name, field in model.model_fields.items():
        text = query.get(field.alias or name, "")
        if type(getattr(values, name)) is int and text and not _WHOLE.fullmatch(text):
            raise Invalid.field(field.alias or name, "is not a whole number in plain digits", "Send digits only.")
    return values


def path_parameter(name: str, value: str) -> str:
    """Return the value if it is 1 to 120 printable characters. Raises Invalid."""
    if not 0 < len(value) <= MAX_PARAMETER or any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in value):
        raise Invalid.field(
            name, f"is not 1 to {MAX_PARAMETER} printable characters", "Correct it in the address of the request."
        )
    if not is_addressable(value):
        raise Invalid.field(name, "has a part `.` or `..`, which addresses cannot hold", "Choose another name.")
    return value


def invalid(model: type[BaseModel], error: ValidationError) -> Invalid:
    """Describe each mistake pydantic found in words of the API, without the values sent."""
    known = ", ".join(sorted(field.alias or name for name, field in model.model_fields.items()))
    found = error.errors(include_url=False, include_context=True, include_input=False)
    return Invalid([_problem(each, known, _renamed(model, each["loc"])) for each in found[:MAX_ERRORS]])


def _renamed(model: type[BaseModel], location: tuple[int | str, ...]) -> str | None:
    """Return the present name of the field at this location, if the field was renamed."""
    models = {model}
    for step in location[:-1]:
        # a step that names no field is the index of a list, the key of a mapping or the branch of a union
        fields = [field for each in models for name, field in each.model_fields.items() if step in {field.alias, name}]
        models = {inner for field in fields for inner in _models_in(field.annotation)} if fields else models
    found = [each.renamed.get(str(location[-1])) for each in models if issubclass(each, Input)] if location else []
    return next(filter(None, found), None)


def _models_in(annotation: object) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for inner in get_args(annotation) for model in _models_in(inner)}


def shown(name: object) -> str:
    """Make a name from the request safe to repeat: short and printable."""
    return "".join(c if c.isprintable() else "�" for c in str(name)[:60])


def _problem(error: ErrorDetails, known: str, renamed: str | None) -> Problem:
    place = ".".join(shown(part) for part in error["loc"]) or _BODY
    match error["type"]:
        case "missing":
            return Problem(place, "is missing", "Send it.")
        case "extra_forbidden" if renamed:
            return Problem(place, "was renamed", f"Send `{renamed}` instead.")
        case "extra_forbidden":
            known_here = f" Known fields: {known or 'none'}." if len(error["loc"]) == 1 else ""
            return Problem(place, "is not a known field", f"Leave it out or correct its name.{known_here}")
        case "union_tag_invalid":
            return Problem(place, "has an unknown type", "Send one of the types in the API document.")
        case _:
            message = error["msg"].removeprefix("Value error, ")
            return Problem(place, message[:1].lower() + message[1:], "Correct it; its format is in the API document.")


def _refuse_repeated(body: bytes) -> None:
    """Refuse an object with a name twice: pydantic takes the last value, the caller may have meant the first."""
    json.loads(
        body, object_pairs_hook=_once, parse_int=str, parse_float=str
    )  # numbers are validated already; converting long ones again is slow


def _once(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise Invalid.field(shown(name), "is sent more than once", "Send it once.")


def _refuse_unstorable(tree: object) -> None:
    if found := _unstorable(tree, 0):
        problem, path = found
        raise Invalid.field(".".join(shown(part) for part in reversed(path)) or _BODY, *problem)


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
