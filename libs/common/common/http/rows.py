"""Reads a body of many rows in portions, and answers with an outcome for each, in bounded memory.

The answer begins after the end of the body: many clients read only once they have sent everything, and until then the
status can still say that the request failed.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, cast

from aiohttp import hdrs, web
from pydantic import BaseModel

from common.errors import Invalid
from common.http import bodies, parse
from common.http.outcomes import Outcomes
from common.http.problems import FieldProblem, Refused
from common.http.routes import NDJSON, Call, Route, Row, RowOutcome
from common.http.split import Elements, Lines, Splitter

PORTION = 100
"""Rows handled at once: few enough that parsing them holds the loop for milliseconds only."""

CHUNK = 32 * 1024
BODY_SECONDS = 300.0
"""The time of a whole body; each part of it must arrive within the read timeout as well."""

Handler = Callable[[Call[Any, Any]], Awaitable[Any]]


@dataclass(frozen=True)
class Form:
    """The form of the answer: outcomes, each with a line break, between these."""

    content_type: str
    start: bytes
    between: bytes
    end: bytes


LINES = Form(NDJSON, b"", b"", b"")
ARRAY = Form("application/json", b"[", b",", b"]\n")


async def answer(
    route: Route, model: type[BaseModel], handle: Handler, call: Call[Any, Any], idle: float
) -> web.StreamResponse:
    """Handle all rows of the body in portions and answer with their outcomes, in the order of the rows.

    Raises Refused (400, 408, 413, 415) and the errors of `handle`. Portions before the fault have been handled by then.
    """
    form = LINES if NDJSON in call.request.headers.get(hdrs.ACCEPT, "") else ARRAY
    with Outcomes() as outcomes:
        waiting: list[Row[Any]] = []
        async with aclosing(_portions(route, call.request, idle)) as portions:
            async for portion in portions:
                found = [_read(route, model, number, body) for number, body in portion]
                waiting += await _handle(handle, call, found, outcomes)
                await asyncio.sleep(0)  # a portion without a valid row waits for nothing, and others have to go on
        if waiting and route.rest:
            late = cast(Sequence[RowOutcome], await route.rest(replace(call, input=waiting)))
            for outcome in late:
                outcomes.put(outcome.row - 1, outcome)
        response = web.StreamResponse(status=route.status, headers={hdrs.CONTENT_TYPE: form.content_type})
        return await outcomes.send(call.request, response, form.start, form.between, form.end)


def _splitter(route: Route, request: web.Request) -> Splitter:
    content_type, charset = request.content_type, (request.charset or "utf-8").lower()
    if charset in {"utf-8", "utf8"} and content_type == NDJSON:
        return Lines(route.row_limit)
    parse.require_json(content_type, charset)
    return Elements(route.row_limit)


async def _portions(route: Route, request: web.Request, idle: float) -> AsyncGenerator[list[tuple[int, bytes]], None]:
    splitter, numbers = _splitter(route, request), count(1)
    portion: list[tuple[int, bytes]] = []
    async with aclosing(bodies.chunks(request, route.body_limit, CHUNK, idle, BODY_SECONDS)) as chunks:
        async for chunk in chunks:
            for row in splitter.feed(chunk):
                portion.append((next(numbers), row))
                if len(portion) == PORTION:
                    yield portion
                    portion = []
    portion += [(next(numbers), row) for row in splitter.end()]
    if portion:
        yield portion


def _read(route: Route, model: type[BaseModel], number: int, body: bytes) -> Row[Any] | RowOutcome:
    """Return the row, or its refusal."""
    try:
        return Row(number, parse.row(model, body))
    except (Invalid, Refused) as error:
        errors = [FieldProblem.of(each) for each in error.problems]
        return cast(type[RowOutcome], route.gives)(row=number, outcome="refused", errors=errors)


async def _handle(
    handle: Handler, call: Call[Any, Any], found: Sequence[Row[Any] | RowOutcome], outcomes: Outcomes
) -> list[Row[Any]]:
    """Let the handler work on the valid rows, and add the outcome of each row; return the rows that wait for theirs."""
    rows = [each for each in found if isinstance(each, Row)]
    handled = {each.row: each for each in await handle(replace(call, input=rows))} if rows else {}
    for each in found:
        outcomes.add(handled.get(each.number) if isinstance(each, Row) else each)
    return [each for each in rows if each.number not in handled]
