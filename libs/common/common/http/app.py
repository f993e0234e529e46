"""Builds the web application of a service: its route table behind tracing, access logs, problems and tokens."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, cast

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import Counter, Histogram
from pydantic import BaseModel

from common.errors import Invalid, NotFound
from common.http import bodies, health, openapi, parse, rows
from common.http.auth import Claims, Keys
from common.http.deadline import answer_begins, in_time
from common.http.problems import STARTED, Refused, problems
from common.http.routes import Access, Answer, Call, Nothing, Result, Route
from common.http.routes import Handler as RouteHandler
from common.settings import CommonSettings
from common.telemetry import tracing
from common.telemetry.metrics import Metrics

_MERCHANT = re.compile(r"[0-9A-Z]{13}")
_PART = re.compile(r"{([a-z]\w*)}")  # a repetition such as {13} in a pattern is no part
_ANONYMOUS = Claims()
_UNMATCHED = "unmatched"
_UNANSWERED = 499
"""The status logged when the caller disconnects, or a stream breaks, before the answer is complete."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Defaults for the headers of every answer."""

log = structlog.get_logger()


def build_app(
    name: str,
    routes: Sequence[Route],
    deps: object,
    settings: CommonSettings,
    metrics: Metrics,
    checks: Mapping[str, health.Check],
) -> web.Application:
    """Build the application of the service `name`: its routes, the probes and its OpenAPI document.

    Handlers receive `deps` as `call.deps`. `checks` decide /readyz. Run the application with `access_log=None`: it
    writes its own access log, which names the route and never the path or query, because those hold personal data.
    """
    every = [*routes, *health.probes(metrics, checks), _document_route(name, routes)]
    app = web.Application(
        middlewares=[_tracing, _access(metrics, {route.path for route in every if route.quiet}), problems],
        client_max_size=max(route.body_limit for route in every),
    )
    keys = Keys(settings.jwt_public_keys, settings.internal_secrets, audience=name)
    for route in every:
        endpoint = _endpoint(route, deps, keys, settings.http_read_timeout)
        for method in route.methods:
            app.router.add_route(method, _whole_parts(route.path), endpoint)
    app.on_response_prepare.append(_prepare)
    return app


def _whole_parts(path: str) -> str:
    """Let each `{name}` match any part of an address; aiohttp's own pattern excludes braces, even encoded ones."""
    return _PART.sub(r"{\1:[^/]+}", path)


def _document_route(name: str, routes: Sequence[Route]) -> Route:
    @cache
    def written() -> bytes:
        return openapi.text(openapi.document(name, routes)).encode()

    async def get_document(_: Call[object, None]) -> web.StreamResponse:
        # It takes a tenth of a second to write, which neither each start nor the loop has to spare.
        return web.Response(body=await asyncio.to_thread(written), content_type="application/json")

    return Route("GET", f"/v1/openapi/{name}.json", get_document, Access.OPEN, takes=None)


def _endpoint(
    route: Route, deps: object, keys: Keys, read_timeout: float
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    handle = route.handler if route.within is None else _limited(route.handler, route.within)

    async def endpoint(request: web.Request) -> web.StreamResponse:
        claims = _authorize(route, keys, request)
        path = _read_path(route, request)
        merchant_id = path.get("merchant_id", "")
        if isinstance(route.scope, str) and merchant_id and not claims.covers(merchant_id):
            # the same answer as for an unknown merchant, so that ids cannot be probed
            raise NotFound(f"There is no merchant {merchant_id} here.")
        values = await _read_input(route, request, read_timeout)
        query = parse.from_query(route.query, request.query) if route.query is not Nothing else None
        call = Call(deps, values, merchant_id, path, claims, request, query)
        if route.rows:
            return await rows.answer(route, route.rows, handle, call, read_timeout)
        return _response(route, cast(BaseModel | Answer | web.StreamResponse, await handle(call)))

    return endpoint


def _limited(handler: RouteHandler, seconds: float) -> RouteHandler:
    async def limited(call: Call[Any, Any]) -> Result:
        async with in_time(call.request, seconds):
            return await handler(call)

    return limited


def _authorize(route: Route, keys: Keys, request: web.Request) -> Claims:
    if route.scope is Access.OPEN:
        return _ANONYMOUS
    header = request.headers.get(hdrs.AUTHORIZATION)
    if route.scope is Access.INTERNAL:
        return keys.internal(header)
    claims = keys.bearer(header)
    if not claims.allows(route.scope):
        raise Refused(403, "forbidden", f"The token lacks the scope `{route.scope}`.")
    return claims


def _read_path(route: Route, request: web.Request) -> Mapping[str, str]:
    path = {name: parse.path_parameter(name, request.match_info[name]) for name in route.parameters}
    if "merchant_id" in path and not _MERCHANT.fullmatch(path["merchant_id"]):
        raise Invalid.field(
            "merchant_id", "is not a Clover merchant id", "Send the 13 upper-case letters and digits Clover shows."
        )
    return path


async def _read_input(route: Route, request: web.Request, read_timeout: float) -> BaseModel | None:
    if route.takes is None:
        return None
    if not route.takes_body:
        if request.body_exists:
            raise Invalid.field("body", "is not expected here", "Send the request without a body.")
        return parse.from_query(route.takes, request.query)
    parse.from_query(route.query, request.query)
    body = await bodies.read_body(request, route.body_limit, read_timeout)
    if not body and route.takes is Nothing:
        return Nothing()
    return parse.from_body(route.takes, request.content_type, request.charset, body)


def _response(route: Route, result: BaseModel | Answer | web.StreamResponse) -> web.StreamResponse:
    if isinstance(result, web.StreamResponse):
        return result
    answer = result if isinstance(result, Answer) else Answer(route.status, result)
    if answer.body is None:
        return web.Response(status=answer.status, headers=answer.headers)
    body = answer.body.model_dump_json(by_alias=True).encode()
    return web.Response(status=answer.status, body=body, content_type="application/json", headers=answer.headers)


@web.middleware
async def _tracing(request: web.Request, handler: Handler) -> web.StreamResponse:
    structlog.contextvars.clear_contextvars()  # a request inherits the variables bound when the server started
    token = tracing.enter(request.headers.get("traceparent"))
    try:
        return await handler(request)
    finally:
        tracing.leave(token)


def _access(metrics: Metrics, quiet: Collection[str]) -> Middleware:
    @cache
    def collectors(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return metrics.http_requests.labels(method, route, status), metrics.http_seconds.labels(method, route)

    def log_answer(request: web.Request, status: int, seconds: float) -> None:
        resource = request.match_info.route.resource
        method, route = (request.method, resource.canonical) if resource else ("", _UNMATCHED)
        requests, durations = collectors(method, route, status)
        requests.inc()
        durations.observe(seconds)
        if route not in quiet or status >= HTTPStatus.BAD_REQUEST:
            log.info("request answered", method=method, route=route, status=status, ms=round(seconds * 1000, 1))

    @web.middleware
    async def access(request: web.Request, handler: Handler) -> web.StreamResponse:
        began, status = time.perf_counter(), _UNANSWERED
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as redirect:
            status = redirect.status
            raise
        finally:
            log_answer(request, status, time.perf_counter() - began)
        return response

    return access


async def _prepare(request: web.Request, response: web.StreamResponse) -> None:
    request[STARTED] = True
    answer_begins(request)
    response.headers["Server"] = "quicksync"
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
