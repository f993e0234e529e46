"""Reads a body of many rows in portions, and answers with an outcome for each, in bounded memory.

The answer begins after the end of the body: many clients read only once they have sent everything, and until then the
status can still say that the request failed. Meanwhile the outcomes are kept in memory, and beyond a limit in a
temporary file.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import count
from tempfile import SpooledTemporaryFile
from typing import Any, cast

from aiohttp import hdrs, web
from pydantic import BaseModel

from common.errors import Invalid
from common.http import bodies, parse
from common.http.problems import FieldProblem, Refused
from common.http.routes import NDJSON, Call, Route, Row, RowOutcome
from common.http.split import Elements, Lines, Splitter

PORTION = 100
"""Rows handled at once: few enough that parsing them holds the loop for milliseconds only."""

CHUNK = 32 * 1024
OUTCOMES_IN_MEMORY = 1024 * 1024
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
    between = form.start
    with SpooledTemporaryFile(OUTCOMES_IN_MEMORY) as outcomes:
        async with aclosing(_portions(route, call.request, idle)) as portions:
            async for portion in portions:
                found = [_read(route, model, number, body) for number, body in portion]
                for outcome in await _outcomes(handle, call, found):
                    outcomes.write(between + outcome.model_dump_json().encode() + b"\n")
                    between = form.between
                await asyncio.sleep(0)  # a portion without a valid row waits for nothing, and others have to go on
        outcomes.write(form.end if outcomes.tell() else form.start + form.end)
        return await _send(call.request, route.status, form.content_type, outcomes)


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


async def _outcomes(
    handle: Handler, call: Call[Any, Any], found: Sequence[Row[Any] | RowOutcome]
) -> Sequence[RowOutcome]:
    """Let the handler work on the valid rows, and return the outcome of each row in the order of the rows."""
    rows = [each for each in found if isinstance(each, Row)]
    handled = {each.row: each for each in await handle(replace(call, input=rows))} if rows else {}
    return [handled[each.number] if isinstance(each, Row) else each for each in found]


async def _send(
    request: web.Request, status: int, content_type: str, outcomes: SpooledTemporaryFile[bytes]
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={hdrs.CONTENT_TYPE: content_type})
    response.content_length = outcomes.tell()
    await response.prepare(request)
    outcomes.seek(0)
    while chunk := outcomes.read(CHUNK):
        await response.write(chunk)
    await response.write_eof()
    return response
