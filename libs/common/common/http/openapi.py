"""The OpenAPI 3.1 document of a service, made from its route table."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from common.http.parse import LONGEST_PARAMETER
from common.http.problems import CONTENT_TYPE, ProblemDetails
from common.http.routes import EVENTS, Access, Nothing, Route

Json = dict[str, Any]
Models = Mapping[tuple[Any, JsonSchemaMode], Json]

_EVERYWHERE = (
    "Unknown fields are refused. Numbers lie within ±10^15, texts hold no NUL character. Every refusal is an "
    "application/problem+json; if path, query or body is wrong its `errors` name each field, the fault and the remedy."
)
_MERCHANT: Json = {"type": "string", "pattern": "^[0-9A-Z]{13}$"}
_TEXT: Json = {"type": "string", "minLength": 1, "maxLength": LONGEST_PARAMETER}
_RETRY_AFTER: Json = {"description": "Seconds to wait before the next try.", "schema": {"type": "integer"}}
_LAST_EVENT_ID: Json = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The id of the last event received before the stream broke.",
    "schema": {"type": "string"},
}
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
        "description": "EdDSA-signed, with `exp`, `scope` (space-separated, * for all) and `merchants` (ids, or *).",
    },
    "internal": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Between services of QuickSync: HS256-signed, a minute at most, made for the service called.",
    },
}


def document(name: str, routes: Sequence[Route]) -> Json:
    """Describe every route that has a summary. Raises ValueError when two handlers share a name."""
    described = [route for route in routes if route.summary]
    models, definitions = _models(described)
    paths: dict[str, Json] = {}
    for route in described:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, models, definitions)
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    if len(names) != len(set(names)):
        raise ValueError(f"{name}: handlers of documented routes need names of their own: {sorted(names)}")
    return {
        "openapi": "3.1.0",
        "info": {"title": f"QuickSync for Clover: {name}", "version": "1", "description": _EVERYWHERE},
        "paths": paths,
        "components": {"schemas": definitions, "securitySchemes": _SCHEMES},
    }


def text(described: Json) -> str:
    """The document as it stands in docs/openapi: indented, one field a line, so that changes can be read."""
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def write(name: str, routes: Sequence[Route], folder: Path) -> Path:
    """Write `<folder>/<name>.json`; a test compares it with `text(document(...))`."""
    path = folder / f"{name}.json"
    path.write_text(text(document(name, routes)), encoding="utf-8")
    return path


def _models(routes: Sequence[Route]) -> tuple[Models, Json]:
    taken = {(route.takes, "validation") for route in routes if route.takes not in {None, Nothing}}
    given = {(route.gives, "serialization") for route in routes if route.gives not in {None, EVENTS}}
    wanted: Any = sorted([*taken, *given, (ProblemDetails, "serialization")], key=lambda each: each[0].__name__)
    models, schema = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    return models, schema.get("$defs", {})


def _operation(route: Route, models: Models, definitions: Json) -> Json:
    operation: Json = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "security": _security(route),
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(route, models, definitions),
            *([_LAST_EVENT_ID] if route.gives == EVENTS else []),
        ],
        "responses": {str(status): _response(route, status, models) for status in sorted(_statuses(route))},
    }
    if route.takes_body and route.takes not in {None, Nothing}:
        schema = models[route.takes, "validation"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _security(route: Route) -> list[Json]:
    match route.scope:
        case Access.OPEN:
            return []
        case Access.INTERNAL:
            return [{"internal": []}]
        case scope:
            return [{"bearer": [scope]}]


def _path_parameters(route: Route) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _MERCHANT if name == "merchant_id" else _TEXT}
        for name in route.parameters
    ]


def _query_parameters(route: Route, models: Models, definitions: Json) -> list[Json]:
    if route.takes_body or route.takes in {None, Nothing}:
        return []
    name = models[route.takes, "validation"]["$ref"].rpartition("/")[2]
    model = definitions[name]
    required = model.get("required", [])
    return [
        {"name": field, "in": "query", "required": field in required, "schema": schema}
        for field, schema in model.get("properties", {}).items()
    ]


def _statuses(route: Route) -> set[int]:
    """Every status the kit may answer with for this route, and those it names itself."""
    statuses = {route.status, *route.also, 500, 503}
    if route.scope is not Access.OPEN:
        statuses |= {401}
    if isinstance(route.scope, str):
        statuses |= {403} | ({404} if "merchant_id" in route.parameters else set())
    if route.takes is not None:
        statuses |= {422}
    if route.parameters:
        statuses |= {404, 422}
    if route.takes_body:
        statuses |= {400, 408, 413, 415}
    return statuses


def _response(route: Route, status: int, models: Models) -> Json:
    response: Json = {"description": HTTPStatus(status).phrase}
    if status >= HTTPStatus.BAD_REQUEST:
        response["content"] = {CONTENT_TYPE: {"schema": models[ProblemDetails, "serialization"]}}
        if status in {429, 503}:
            response["headers"] = {"Retry-After": _RETRY_AFTER}
    elif route.gives == EVENTS:
        response["content"] = {EVENTS: {"schema": _EVENT}}
    elif route.gives:
        response["content"] = {"application/json": {"schema": models[route.gives, "serialization"]}}
    return response
