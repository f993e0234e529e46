"""The refusals of bodies and values; each names the field and the remedy."""

import re
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from common.errors import Invalid, Problem
from common.http.problems import Refused
from common.http.routes import Input

MAX_ERRORS = 20
_SUBJECT = re.compile(r"^(Input|String|List|Dictionary|Value|Decimal input) (?=should )")
BODY = "body"


def row_too_large(limit: int) -> Refused:
    """Return the refusal of a body with a row of more than `limit` bytes."""
    return refused(413, "too_large", f"has a row of more than {limit} bytes", "Correct that row.")


def malformed() -> Refused:
    """Return the refusal of a body that is not JSON."""
    return refused(400, "malformed_json", "is not JSON in UTF-8", "Send one complete JSON value.")


def no_array() -> Refused:
    """Return the refusal of a body that begins with an object where an array of rows is expected."""
    remedy = "Send a JSON array, or one object a line with `Content-Type: application/x-ndjson`."
    return refused(400, "malformed_json", "is not a JSON array", remedy)


def refused(status: int, code: str, problem: str, remedy: str, field: str = BODY) -> Refused:
    """Return the refusal of a body, or of another part of the request, with a code for programs."""
    return Refused(status, code, f"The {field} {problem}.", [Problem(field, problem, remedy)])


def invalid(model: type[BaseModel], error: ValidationError) -> Invalid:
    """Describe each mistake pydantic found in words of the API, without the values sent."""
    known = ", ".join(sorted(field.alias or name for name, field in model.model_fields.items()))
    found = error.errors(include_url=False, include_context=True, include_input=False)
    return Invalid([_problem(each, known, *_called(model, each["loc"])) for each in found[:MAX_ERRORS]])


def _called(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[str | None, str | None]:
    """Return the present name of the field at this location, if it was renamed, and if other APIs call it so."""
    models = {model}
    for step in location[:-1]:
        # a step that names no field is the index of a list, the key of a mapping or the branch of a union
        fields = [field for each in models for name, field in each.model_fields.items() if step in {field.alias, name}]
        models = {inner for field in fields for inner in _models_in(field.annotation)} if fields else models
    inputs = [each for each in models if issubclass(each, Input)] if location else []
    name = str(location[-1]) if location else ""
    renamed = (each.renamed[name] for each in inputs if name in each.renamed)
    elsewhere = (each.elsewhere[name] for each in inputs if name in each.elsewhere)
    return next(renamed, None), next(elsewhere, None)


def _models_in(annotation: object) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for inner in get_args(annotation) for model in _models_in(inner)}


def shown(name: object) -> str:
    """Make a name from the request safe to repeat: short and printable."""
    return "".join(c if c.isprintable() else "�" for c in str(name)[:60])


def _problem(error: ErrorDetails, known: str, renamed: str | None, elsewhere: str | None) -> Problem:
    place = ".".join(shown(part) for part in error["loc"]) or BODY
    match error["type"]:
        case "missing":
            return Problem(place, "is missing", "Send it.")
        case "extra_forbidden" if renamed:
            return Problem(place, "was renamed", f"Send `{renamed}` instead.")
        case "extra_forbidden" if elsewhere:
            return Problem(place, "is not a known field", f"Send it as `{elsewhere}`, if that is meant.")
        case "extra_forbidden":
            known_here = f" Known fields: {known or 'none'}." if len(error["loc"]) == 1 else ""
            return Problem(place, "is not a known field", f"Leave it out or correct its name.{known_here}")
        case "union_tag_invalid":
            return Problem(place, "has an unknown type", "Send one of the types in the API document.")
        case _:
            is_long = error["type"] in {"string_too_long", "too_long"}
            remedy = "Shorten it." if is_long else "Correct it; its format is in the API document."
            return Problem(place, _predicate(error["msg"]), remedy)


def _predicate(message: str) -> str:
    """Return the message of pydantic as the end of a sentence whose subject is the field."""
    text = _SUBJECT.sub("", message.removeprefix("Value error, "))
    return text[:1].lower() + text[1:]
