"""Validates bodies, queries and paths; every refusal names the field and the remedy."""

import re
import unicodedata
from functools import cache
from typing import TypeVar

from multidict import MultiMapping
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from common.errors import Invalid
from common.http.refusals import invalid, malformed, refused, shown
from common.http.storable import refuse_repeated, refuse_unstorable
from common.text import is_addressable

M = TypeVar("M", bound=BaseModel)

MAX_PARAMETER = 120

_WHOLE = re.compile(r"-?[0-9]+")
"""The only form of whole numbers in a query; pydantic accepts `1_0`, `+5` and `5.0` as well."""


def from_body(model: type[M], content_type: str, charset: str | None, body: bytes) -> M:
    """Validate a JSON body. Raises Refused (400, 415) and Invalid."""
    require_json(content_type, charset)
    return _from_json(model, body)


def require_json(content_type: str, charset: str | None) -> None:
    """Refuse (415) a body that is not declared as JSON in UTF-8."""
    if content_type != "application/json" or (charset or "utf-8").lower() not in {"utf-8", "utf8"}:
        remedy = "Send JSON in UTF-8 with `Content-Type: application/json`."
        raise refused(415, "unsupported_media_type", "is not JSON in UTF-8", remedy, field="Content-Type")


def _from_json(model: type[M], body: bytes) -> M:
    try:
        tree = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise malformed() from None
    refuse_unstorable(tree)
    try:
        values = model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(model, error) from None
    refuse_repeated(body)
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
    refuse_unstorable(values.model_dump(by_alias=True))
    return values


@cache
def _quoted_names(model: type[BaseModel]) -> tuple[bytes, ...]:
    return tuple(f'"{field.alias or name}"'.encode() for name, field in model.model_fields.items())


def from_query(model: type[M], query: MultiMapping[str]) -> M:
    """Validate query parameters. Raises Invalid."""
    for name in query:
        if len(query.getall(name)) > 1:
            raise Invalid.field(shown(name), "is sent more than once", "Send it once.")
    refuse_unstorable(dict(query))
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
