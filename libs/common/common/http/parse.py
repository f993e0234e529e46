"""From bytes to a validated model; what is too long, too slow, not JSON or does not fit is refused by name."""

import asyncio
import unicodedata
from collections.abc import Iterator
from typing import TypeVar

from aiohttp import ClientPayloadError, web
from multidict import MultiMapping
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from common.errors import Invalid, Problem
from common.http.problems import Refused

M = TypeVar("M", bound=BaseModel)

DEEPEST = 32
"""Levels of nesting; what we take has four or five."""

LARGEST = 10**15
"""No number we take is larger; those that are overflow columns."""

LONGEST_PARAMETER = 120
MOST_ERRORS = 20

_BODY = "body"

Place = tuple["Place", object] | None
"""Where a value stands: what it stands in, and its name or number there."""


async def read_body(request: web.Request, limit: int, within: float) -> bytes:
    """The whole body, at most `limit` bytes arriving within so many seconds. Raises Refused (400, 408, 413)."""
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(within):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise Refused(408, "too_slow", f"The body did not arrive within {within:g} seconds.") from None
    except (ClientPayloadError, web.PayloadAccessError, web.RequestPayloadError):
        raise Refused(400, "unreadable", "The body is not encoded as its headers say.") from None
    return bytes(body)


def from_body(model: type[M], content_type: str, charset: str | None, body: bytes) -> M:
    """The model in this JSON body. Raises Refused (400, 415) and Invalid."""
    if content_type != "application/json" or (charset or "utf-8").lower() not in {"utf-8", "utf8"}:
        raise Refused(415, "unsupported_media_type", "Send JSON in UTF-8 with `Content-Type: application/json`.")
    try:
        tree = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise Refused(400, "malformed_json", "The body is not JSON in UTF-8.") from None
    _refuse_unstorable(tree)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(model, error) from None


def from_query(model: type[M], query: MultiMapping[str]) -> M:
    """The model in these query parameters. Raises Invalid."""
    for name in query:
        if len(query.getall(name)) > 1:
            raise Invalid.field(shown(name), "is given more than once", "Give it once.")
    _refuse_unstorable(dict(query))
    try:
        return model.model_validate_strings(dict(query))
    except ValidationError as error:
        raise invalid(model, error) from None


def path_parameter(name: str, value: str) -> str:
    """The value, when it is 1 to 120 printable characters. Raises Invalid."""
    if not 0 < len(value) <= LONGEST_PARAMETER or any(
        unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in value
    ):
        raise Invalid.field(
            name, f"is not 1 to {LONGEST_PARAMETER} printable characters", "Correct it in the address of the request."
        )
    return value


def invalid(model: type[BaseModel], error: ValidationError) -> Invalid:
    """Each mistake pydantic found, in our words, without the values sent."""
    known = ", ".join(sorted(field.alias or name for name, field in model.model_fields.items()))
    found = error.errors(include_url=False, include_context=True, include_input=False)
    return Invalid([_problem(each, known) for each in found[:MOST_ERRORS]])


def shown(name: object) -> str:
    """A name that came with the request, fit to be repeated."""
    return "".join(c if c.isprintable() else "�" for c in str(name)[:60])


def _problem(error: ErrorDetails, known: str) -> Problem:
    place = ".".join(shown(part) for part in error["loc"]) or _BODY
    match error["type"]:
        case "missing":
            return Problem(place, "is missing", "Send it.")
        case "extra_forbidden":
            known_here = f" Known here: {known or 'none'}." if len(error["loc"]) == 1 else ""
            return Problem(place, "is not known here", f"Leave it out or correct its name.{known_here}")
        case "union_tag_invalid":
            return Problem(place, "is of no kind known here", "Send one of the kinds in the API document.")
        case _:
            message = error["msg"].removeprefix("Value error, ")
            return Problem(place, message[:1].lower() + message[1:], "Correct it; the API document has its format.")


def _refuse_unstorable(tree: object) -> None:
    for value, place, depth in _walk(tree):
        if depth > DEEPEST:
            raise Refused(400, "malformed_json", f"The body is nested deeper than {DEEPEST} levels.")
        if isinstance(value, str) and "\x00" in value:
            raise Invalid.field(_written(place), "contains the character NUL", "Remove it.")
        if isinstance(value, int | float) and not -LARGEST <= value <= LARGEST:
            raise Invalid.field(_written(place), "is a number beyond 10^15", "Send a smaller number.")


def _walk(tree: object) -> Iterator[tuple[object, Place, int]]:
    """Every name and value in the tree with its place and depth.

    Neither recursive nor writing out places nobody asks for: a hostile body may hold a hundred thousand values.
    """
    waiting: list[tuple[object, Place, int]] = [(tree, None, 0)]
    while waiting:
        value, place, depth = waiting.pop()
        yield value, place, depth
        if isinstance(value, dict) and depth <= DEEPEST:
            for name, each in value.items():
                yield name, (place, name), depth
                waiting.append((each, (place, name), depth + 1))
        elif isinstance(value, list) and depth <= DEEPEST:
            waiting.extend((each, (place, at), depth + 1) for at, each in enumerate(value))


def _written(place: Place) -> str:
    parts: list[str] = []
    while place:
        place, part = place
        parts.append(shown(part))
    return ".".join(reversed(parts)) or _BODY


def _too_large(limit: int) -> Refused:
    return Refused(413, "too_large", f"The body is larger than {limit} bytes.")
