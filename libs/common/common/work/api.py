"""The API of pending work: a list of the rows of a service for a merchant, and a retry."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from math import ceil
from typing import Annotated, Literal, Protocol

import asyncpg
from pydantic import BaseModel, Field, StringConstraints

from common.catalog_client import CatalogClient
from common.contracts.problems import Code
from common.db import merchants
from common.db.database import Database
from common.errors import Invalid, NotFound
from common.http.paging import PageByNumber, part
from common.http.routes import Answer, Call, Nothing, PathParameter, Route, Tag
from common.work import table
from common.work.kind import Kind

MAX_ID_DIGITS = 18
"""Digits that fit a bigint."""

State = Literal["due", "waiting", "held"]


class Deps(Protocol):
    """The dependencies of these routes."""

    @property
    def database(self) -> Database:
        """The service's own schema."""
        ...


class WorkQuery(PageByNumber):
    """Filters: state, kind and problem."""

    state: Annotated[State | None, Field(description="Only rows in this state.")] = None
    kind: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=60)] | None,
        Field(description="Only rows of this kind."),
    ] = None
    problem: Annotated[Code | None, Field(description="Only rows that this problem holds.")] = None


class Progress(BaseModel):
    """How far long work has got; it runs in slices, between which more urgent work runs."""

    done: Annotated[int, Field(description="The number of things done, such as items compared.")]
    total: Annotated[int | None, Field(description="The number of things in all, as estimated; null if unknown.")]
    rate: Annotated[float, Field(description="Things done per second since the start, with all pauses.")]
    seconds_left: Annotated[int | None, Field(description="The time left at this rate; null if unknown.")]
    started_at: Annotated[datetime, Field(description="The time at which this run began.")]


class WorkRow(BaseModel):
    """One row of pending work."""

    id: Annotated[int, Field(description="The id of the row, for a retry.")]
    kind: Annotated[str, Field(description="The kind of work, such as `push_order`.")]
    key: Annotated[str, Field(description="The object to work on: an order, a product or an item, by its id.")]
    state: Annotated[
        State, Field(description="`due` runs next, `waiting` runs at `due_at`, `held` waits for a person.")
    ]
    problem: Annotated[str | None, Field(description="The code of the problem that holds the row.")]
    reason: Annotated[str | None, Field(description="The reason for the last failure.")]
    subject: Annotated[
        str, Field(description="The order, product or item in a person's words; empty until it is known.")
    ]
    attempts: Annotated[int, Field(description="The number of failed attempts.")]
    due_at: Annotated[datetime, Field(description="The time of the next attempt.")]
    queued_at: Annotated[datetime, Field(description="The time at which the work was requested.")]
    failing_since: Annotated[
        datetime | None, Field(description="The time of the first failure since it last went well; null if none.")
    ]
    progress: Annotated[Progress | None, Field(description="The progress of long work under way; null for the rest.")]


class WorkPage(BaseModel):
    """A page of pending work, oldest first."""

    work: Annotated[list[WorkRow], Field(description="The rows of this page.")]
    next: Annotated[int | None, Field(description="The cursor of the next page; null on the last page.")]


TAG = Tag("Pending work", "Work that a service still has to do in Clover or by e-mail, and the reasons why it waits.")
WORK_ID = {"work_id": PathParameter("The `id` of a row from the list of pending work.", "4711")}
EXAMPLE = {
    "id": 4711,
    "kind": "push_order",
    "key": "o-1001",
    "state": "held",
    "problem": "order_type_missing",
    "reason": None,
    "subject": "o-1001",
    "attempts": 0,
    "due_at": "2026-11-23T09:00:04.200000Z",
    "queued_at": "2026-11-23T09:00:04.200000Z",
    "failing_since": None,
    "progress": None,
}


def routes(service: str, kinds: Iterable[Kind] = (), catalog: CatalogClient | None = None) -> list[Route]:
    """Return the routes of pending work of `service`, whose kinds hear of a retry.

    `catalog` knows merchants whose event has not arrived here yet; catalog itself has none.
    """
    path = f"/v1/merchants/{{merchant_id}}/work/{service}"
    return [
        Route(
            "GET",
            path,
            _list_work(catalog),
            "work:read",
            takes=WorkQuery,
            gives=WorkPage,
            summary="List pending work",
            description=f"Returns the rows of work that {service} has not finished for this merchant, oldest first.",
            tags=(TAG,),
            example={"state": "held", "limit": 50},
            gives_example={"work": [EXAMPLE], "next": None},
        ),
        Route(
            "POST",
            f"{path}/{{work_id}}/retry",
            _retry_work(kinds),
            "work:write",
            status=202,
            summary="Retry pending work",
            description="Makes a row due now, whether it waits for a later attempt or is held for a person. Answers "
            "404 when the work is done by now.",
            tags=(TAG,),
            path_parameters=WORK_ID,
        ),
    ]


def _list_work(catalog: CatalogClient | None) -> Callable[[Call[Deps, WorkQuery]], Awaitable[WorkPage]]:
    async def list_work(call: Call[Deps, WorkQuery]) -> WorkPage:
        query, database = call.input, call.deps.database
        await merchants.find_or_fetch(database, catalog, call.merchant_id)
        async with database.connection() as conn:
            rows = await table.listed(
                conn,
                call.merchant_id,
                database.clock.now(),
                state=query.state,
                kind=query.kind,
                problem=query.problem,
                after=query.cursor or 0,
                limit=query.limit + 1,
            )
        page, last = part(rows, query.limit)
        return WorkPage(work=[_row(row, database.clock.now()) for row in page], next=last["id"] if last else None)

    return list_work


def _row(listed: asyncpg.Record, now: datetime) -> WorkRow:
    known = dict(listed)
    done, total, started_at = (known.pop(name) for name in ("done", "total", "started_at"))
    return WorkRow(**known, progress=None if started_at is None else progress(done, total, started_at, now))


def progress(done: int, total: int | None, started_at: datetime, now: datetime) -> Progress:
    """Return the progress with its rate and the time left; a clock that went back counts as no time."""
    rate = done / max((now - started_at).total_seconds(), 1.0)
    seconds_left = None if total is None or not done else ceil(max(total - done, 0) / rate)
    return Progress(
        done=done, total=total, rate=round(rate, 3), seconds_left=seconds_left, started_at=min(started_at, now)
    )


def _retry_work(kinds: Iterable[Kind]) -> Callable[[Call[Deps, Nothing]], Awaitable[Answer]]:
    hooks = {kind.name: kind.on_released for kind in kinds}

    async def retry_work(call: Call[Deps, Nothing]) -> Answer:
        """Make this row due now, whether it waits for its time or for a person."""
        row_id = _id(call.path["work_id"])
        async with call.deps.database.unit() as unit:
            found = await table.kind_and_key(unit.conn, call.merchant_id, row_id)
            if found and found[0] in hooks:  # the kind's own rows are locked before the engine's, as everywhere
                await hooks[found[0]](unit, call.merchant_id, [found[1]])
            if not await table.retry_row(unit, call.merchant_id, row_id):
                raise NotFound("This work does not exist. It may have finished already.")
        return Answer(202)

    return retry_work


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS):
        raise Invalid.field("work_id", "is not the id of pending work", "Send an `id` from the list of pending work.")
    return int(text)
