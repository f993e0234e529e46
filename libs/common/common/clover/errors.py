"""Maps Clover's error responses to our errors, and decodes its responses defensively."""

import json
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from common.errors import AppError, Forbidden, NotFound, Rejected, Throttled, Unavailable, Undecodable
from common.redaction import text
from common.text import clean

M = TypeVar("M", bound=BaseModel)

LONGEST_MESSAGE = 300
LONGEST_RETRY_AFTER = 24 * 3600


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Return the Retry-After of a response, in whole seconds (documented); rate limits often send none (recorded)."""
    value = headers.get("Retry-After", "").strip()
    if not (value.isascii() and value.isdigit() and len(value) <= len(str(LONGEST_RETRY_AFTER))):
        return None
    return timedelta(seconds=min(int(value), LONGEST_RETRY_AFTER))


def refusal(status: int, headers: Mapping[str, str], body: bytes, path: str = "") -> AppError:
    """Return the error for a 4xx response to a request for `path`.

    Clover responds with 401 for a bad token, a missing permission and a wrong merchant alike, with 403 when an
    `expand` is forbidden, and with 405 in plain text (recorded); its documentation does not distinguish 401 and 403.
    """
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled("Clover asks for fewer calls", retry_after(headers))
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            kind = " ".join(part for part in path.split("/") if part.islower()) or "the merchant"
            return Forbidden(f"Clover refuses our access to {kind}: bad token, missing permission or wrong merchant.")
        case HTTPStatus.NOT_FOUND:
            return NotFound(clover_message(body) or "It does not exist in Clover.")
        case _:
            return Rejected(clover_message(body) or f"Clover refused with status {status}.", status)


def clover_message(body: bytes) -> str:
    """Return Clover's message, from its JSON envelope (`message`, `details`) or plain text, shortened and redacted."""
    try:
        answer = from_json(body)
    except ValueError:
        answer = body.decode("utf-8", "replace")
    if isinstance(answer, dict):
        parts = [answer.get("message"), answer.get("details")]
        answer = ": ".join(part for part in parts if isinstance(part, str) and part)
    if not isinstance(answer, str) or answer.lstrip().startswith("<"):
        return ""
    return text(" ".join(clean(answer[: 4 * LONGEST_MESSAGE]).split()))[:LONGEST_MESSAGE]


def decoded(model: type[M], body: bytes) -> M:
    """Decode a response body. NUL characters, which PostgreSQL cannot store, are removed from every text.

    Raise Unavailable when it is not JSON, as from a proxy in between, and Undecodable when it does not fit the model,
    with the names of the fields and never their values.
    """
    try:
        if b"\\u0000" in body:
            body = json.dumps(_storable(from_json(body, allow_inf_nan=False))).encode()
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        if any(each["type"] == "json_invalid" for each in found):
            raise Unavailable("Clover's response is not JSON") from None
        raise Undecodable(f"Clover's response is not as expected: {wrong_fields(error)}") from None
    except ValueError:
        raise Unavailable("Clover's response is not JSON") from None


def wrong_fields(error: ValidationError) -> str:
    """Return the names of the first five fields that do not fit, each with why, and never their values."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return ", ".join(f"{'.'.join(map(str, each['loc'])) or 'body'} ({each['type']})" for each in found[:5])


def _storable(tree: object) -> object:
    """Return the tree without NUL; recursion is safe, because the parser bounds the depth."""
    if isinstance(tree, str):
        return tree.replace("\x00", "")
    if isinstance(tree, list):
        return [_storable(each) for each in tree]
    if isinstance(tree, dict):
        return {_storable(name): _storable(each) for name, each in tree.items()}
    return tree
