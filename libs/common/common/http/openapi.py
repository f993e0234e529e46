"""The OpenAPI 3.1 document of a service, made from its route table."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from common.http.parse import MAX_PARAMETER
from common.http.problems import CONTENT_TYPE, ProblemDetails
from common.http.routes import CSV, EVENTS, NDJSON, Access, Nothing, PathParameter, Route, Tag

Json = dict[str, Any]
Models = Mapping[tuple[Any, JsonSchemaMode], Json]

_EVERYWHERE = (
    "Unknown fields are refused. Numbers lie within ±10^15, texts hold no NUL character. Amounts of money are integers "
    "in minor units (cents) of the currency that the same object names in `currency`. Every refusal is an "
    "application/problem+json; if the path, query or body is wrong, its `errors` name each field, the problem and the "
    "remedy."
)
_SERVERS: list[Json] = [
    {"url": "/", "description": "The gateway. It serves all four services, and this document, at one address."}
]
_MERCHANT: Json = {
    "name": "merchant_id",
    "in": "path",
    "required": True,
    "description": "The id Clover gave the merchant: 13 upper-case letters and digits.",
    "schema": {"type": "string", "pattern": "^[0-9A-Z]{13}$"},
    "example": "ABCD1234EFGH5",
}
_ID_CHARACTERS = (
    f"1 to {MAX_PARAMETER} printable characters, percent-encoded; not `.` or `..`, which URLs take for folders."
)
_ID: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_PARAMETER,
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+$",
}
_STATUSES = {
    200: "The request succeeded.",
    201: "The object was created.",
    202: "The request was stored. The work continues in the background.",
    204: "The request succeeded; the answer has no body.",
    400: "The body is not JSON in UTF-8, or broke off before its end.",
    401: "The token is missing, expired or not signed by a known key.",
    403: "The token lacks the scope of this operation.",
    404: "The object does not exist, or the token does not cover its merchant.",
    408: "The body did not arrive in time.",
    409: "The request contradicts the present state; `detail` names the contradiction.",
    413: "The body is too large.",
    415: "The body is not declared as a type that this operation reads.",
    422: "The path, query or body is not acceptable; `errors` names each field, the problem and the remedy.",
    429: "Too many requests. Send the request again after `Retry-After`.",
    500: "A bug of QuickSync. Quote `instance` to support.",
    503: "QuickSync or a system behind it is unavailable. Send the request again after `Retry-After`.",
}
_RETRY_AFTER: Mapping[int, str] = {
    409: "Seconds to wait before the next attempt; missing where waiting does not help.",
    429: "Seconds to wait before the next attempt.",
    503: "Seconds to wait before the next attempt.",
}
_LAST_EVENT_ID: Json = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The id of the last event received. The stream continues after it.",
    "schema": {"type": "string"},
}
_TABLE: Json = {"schema": {"type": "string"}}
_EVENT: Json = {
    "type": "object",
    "description": "One event of the stream; `data` is JSON.",
    "properties": {
        "event": {"type": "string"},
        "id": {"type": "string"},
        "data": {"type": "string"},
        "retry": {"type": "integer"},
    },
    "required": ["event", "id", "data"],
}
_SCHEMES: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": (
            "A JSON Web Token signed with EdDSA (Ed25519). Its claims are `exp`, `scope` (scopes separated by spaces, "
            "or `*` for all) and `merchants` (a list of merchant ids, or `*` for all)."
        ),
    },
}


def document(name: str, routes: Sequence[Route]) -> Json:
    """Describe every public route that has a summary. Raises ValueError when two handlers share a name."""
    described = [route for route in routes if route.summary and route.scope is not Access.INTERNAL]
    models, definitions = _models(described)
    paths: dict[str, Json] = {}
    for route in described:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, models, definitions)
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    if len(names) != len(set(names)):
        raise ValueError(f"{name}: two documented routes share the name of a handler: {sorted(names)}")
    return {
        "openapi": "3.1.0",
        "info": {"title": f"QuickSync for Clover: {name}", "version": "1", "description": _EVERYWHERE},
        "servers": _SERVERS,
        "tags": [{"name": tag.name, "description": tag.description} for tag in _tags(described)],
        "paths": paths,
        "components": {"schemas": definitions, "securitySchemes": _SCHEMES},
    }


def text(described: Json) -> str:
    """Format the document as in docs/openapi: indented, one field a line, so that a diff is readable."""
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def write(name: str, routes: Sequence[Route], folder: Path) -> Path:
    """Write `<folder>/<name>.json`; a test compares it with `text(document(...))`."""
    path = folder / f"{name}.json"
    path.write_text(text(document(name, routes)), encoding="utf-8")
    return path


def _tags(routes: Sequence[Route]) -> list[Tag]:
    return list(dict.fromkeys(tag for route in routes for tag in route.tags))


def _models(routes: Sequence[Route]) -> tuple[Models, Json]:
    read = {model for route in routes for model in (route.takes, route.query, route.rows)}
    inputs = {(model, "validation") for model in read - {None, Nothing}}
    outputs = {(route.gives, "serialization") for route in routes if route.gives not in {None, EVENTS, CSV}}
    wanted: Any = sorted([*inputs, *outputs, (ProblemDetails, "serialization")], key=lambda each: each[0].__name__)
    models, schema = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    return models, schema.get("$defs", {})


def _operation(route: Route, models: Models, definitions: Json) -> Json:
    operation: Json = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        **({"description": route.description} if route.description else {}),
        **({"tags": [tag.name for tag in route.tags]} if route.tags else {}),
        "security": _security(route),
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(route, models, definitions),
            *([_LAST_EVENT_ID] if route.gives == EVENTS else []),
        ],
        "responses": {str(status): _response(route, status, models) for status in sorted(_statuses(route))},
    }
    if route.rows:
        operation["requestBody"] = {"required": True, "content": _rows(models[route.rows, "validation"], route.example)}
    elif route.table:
        operation["requestBody"] = {"required": True, "content": {CSV: _TABLE | _example(route.example)}}
    elif route.takes_body and route.takes not in {None, Nothing}:
        content = {"schema": models[route.takes, "validation"]} | _example(route.example)
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _rows(row: Json, example: Any) -> Json:
    """Describe both forms of rows. OpenAPI 3.1 has no schema for the lines of a text; 3.2 has `itemSchema`."""
    lines = "\n".join(json.dumps(each) for each in example or ())
    return {
        "application/json": {"schema": {"type": "array", "items": row}} | _example(example),
        NDJSON: {"schema": {"type": "string", "description": "One such object a line."}} | _example(lines or None),
    }


def _example(example: Any) -> Json:
    return {} if example is None else {"example": example}


def _security(route: Route) -> list[Json]:
    return [{"bearer": [route.scope]}] if isinstance(route.scope, str) else []


def _path_parameters(route: Route) -> list[Json]:
    return [
        _MERCHANT if name == "merchant_id" else _path_parameter(name, route.path_parameters.get(name))
        for name in route.parameters
    ]


def _path_parameter(name: str, described: PathParameter | None) -> Json:
    parameter = {"name": name, "in": "path", "required": True}
    if described is None:
        return parameter | {"description": _ID_CHARACTERS, "schema": _ID}
    if described.pattern is None:
        shown = {"description": f"{described.description} {_ID_CHARACTERS}", "schema": _ID}
    else:
        shown = {"description": described.description, "schema": _ID | {"pattern": described.pattern}}
    return parameter | shown | {"example": described.example}


def _query_parameters(route: Route, models: Models, definitions: Json) -> list[Json]:
    query = route.query if route.takes_body else route.takes
    if query in {None, Nothing}:
        return []
    name = models[query, "validation"]["$ref"].rpartition("/")[2]
    model = definitions[name]
    required = model.get("required", [])
    return [
        _query_parameter(field, schema, field in required)
        | ({} if route.takes_body else _example((route.example or {}).get(field)))
        for field, schema in model.get("properties", {}).items()
    ]


def _query_parameter(name: str, schema: Json, required: bool) -> Json:
    described = {key: value for key, value in schema.items() if key == "description"}
    rest = {key: value for key, value in schema.items() if key != "description"}
    return {"name": name, "in": "query", "required": required, **described, "schema": rest}


def _statuses(route: Route) -> set[int]:
    """Return the statuses that this package may answer with for the route, and those the route lists."""
    statuses = {route.status, *route.also, 500, 503}
    if route.scope is not Access.OPEN:
        statuses |= {401}
    if isinstance(route.scope, str):
        statuses |= {403} | ({404} if "merchant_id" in route.parameters else set())
    if route.takes is not None or route.rows or route.table:
        statuses |= {422}
    if route.parameters:
        statuses |= {404, 422}
    if route.takes_body:
        statuses |= {400, 408, 413, 415}
    return statuses


def _response(route: Route, status: int, models: Models) -> Json:
    response: Json = {"description": _STATUSES.get(status, HTTPStatus(status).phrase)}
    if status >= HTTPStatus.BAD_REQUEST:
        response["content"] = {CONTENT_TYPE: {"schema": models[ProblemDetails, "serialization"]}}
        if described := _RETRY_AFTER.get(status):
            response["headers"] = {"Retry-After": {"description": described, "schema": {"type": "integer"}}}
    elif route.gives == EVENTS:
        response["content"] = {EVENTS: {"schema": _EVENT}}
    elif route.gives == CSV:
        response["content"] = {CSV: _TABLE | _example(route.gives_example)}
    elif route.rows:
        response["content"] = _rows(models[route.gives, "serialization"], route.gives_example)
    elif route.gives:
        example = _example(route.gives_example if status == route.status else None)
        response["content"] = {"application/json": {"schema": models[route.gives, "serialization"]} | example}
    return response
