"""The HTTP routes of a service's pending work: each row, why it waits, and a Retry."""

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
"""Every number of this many digits fits a bigint."""

State = Literal["due", "waiting", "held"]


class Deps(Protocol):
    """The part of a service's dependencies that these routes use."""

    @property
    def database(self) -> Database:
        """The service's own schema."""
        ...


class WorkQuery(PageByNumber):
    """Filters: state, kind and problem."""

    state: State | None = None
    kind: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None
    problem: Code | None = None


class WorkRow(BaseModel):
    """One pending piece of work.

    `state` is `due` (runs now), `waiting` (runs at `due_at`) or `held` (waits for a person, under `problem`).
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
    """Return the routes of `service`, whose dependencies have a `database`."""
    path = f"/v1/merchants/{{merchant_id}}/work/{service}"
    return [
        Route("GET", path, list_work, "work:read", takes=WorkQuery, gives=WorkPage, summary="List pending work"),
        Route("POST", f"{path}/{{work_id}}/retry", retry_work, "work:write", status=202, summary="Retry pending work"),
    ]


async def list_work(call: Call[Deps, WorkQuery]) -> WorkPage:
    """List the merchant's rows, oldest first."""
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
    """Make this row due now, whether it waits for its time or for a person."""
    async with call.deps.database.unit() as unit:
        if not await table.retry_row(unit, call.merchant_id, _id(call.path["work_id"])):
            raise NotFound("This work does not exist. It may have finished already.")
    return Answer(202)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_ID):
        raise Invalid.field("work_id", "is not the id of pending work", "Send an `id` from the list of work.")
    return int(text)
