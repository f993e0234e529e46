"""What a service still has to do for a merchant, over HTTP: every row, why it waits, and a Retry."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, StringConstraints

from common.contracts.problems import Code
from common.db import merchants
from common.db.database import Database
from common.errors import Invalid, NotFound
from common.http.paging import PageByNumber, part
from common.http.routes import Answer, Call, Nothing, Route
from common.work import table

LONGEST_ID = 18
"""Digits that surely fit a bigint."""

State = Literal["due", "waiting", "held"]


class Deps(Protocol):
    """What these routes need of a service's dependencies."""

    @property
    def database(self) -> Database: ...


class WorkQuery(PageByNumber):
    """Which rows: by state, kind or problem."""

    state: State | None = None
    kind: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None
    problem: Code | None = None


class WorkRow(BaseModel):
    """One thing to be done in Clover.

    `state` is `due` (may be taken now), `waiting` (for `due_at`) or `held` (for a person, under `problem`).
    """

    id: int
    kind: str
    key: str
    state: State
    problem: str | None
    reason: str | None
    attempts: int
    due_at: datetime
    queued_at: datetime


class WorkPage(BaseModel):
    """Rows, oldest first; `next` is null on the last page."""

    work: list[WorkRow]
    next: int | None


def routes(service: str) -> list[Route]:
    """The routes of `service`, whose dependencies have a `database`."""
    path = f"/v1/merchants/{{merchant_id}}/work/{service}"
    return [
        Route("GET", path, list_work, "work:read", takes=WorkQuery, gives=WorkPage, summary="List what is to be done"),
        Route("POST", f"{path}/{{work_id}}/retry", retry_work, "work:write", status=202, summary="Try one again now"),
    ]


async def list_work(call: Call[Deps, WorkQuery]) -> WorkPage:
    """Rows of this merchant, oldest first."""
    asked = call.input
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        rows = await table.listed(
            conn,
            call.merchant_id,
            call.deps.database.clock.now(),
            state=asked.state,
            kind=asked.kind,
            problem=asked.problem,
            after=asked.cursor or 0,
            limit=asked.limit + 1,
        )
    shown, last = part(rows, asked.limit)
    return WorkPage(work=[WorkRow(**row) for row in shown], next=last["id"] if last else None)


async def retry_work(call: Call[Deps, Nothing]) -> Answer:
    """Take this row now, whether it waits for its time or for a person."""
    async with call.deps.database.unit() as unit:
        if not await table.retry_row(unit, call.merchant_id, _id(call.path["work_id"])):
            raise NotFound("There is no such work; it may be done by now.")
    return Answer(202)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_ID):
        raise Invalid.field("work_id", "is not the id of a row of work", "Send an `id` from the list of work.")
    return int(text)
