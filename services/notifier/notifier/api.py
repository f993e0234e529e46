"""The HTTP API of notifier: problems, activity, and both as a live stream."""

from typing import Annotated, Literal
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field

from common.contracts.notifier import RecheckRequested
from common.db import merchants
from common.db.database import Database
from common.errors import NotFound
from common.http.paging import CURSOR, Page, PageByNumber, part
from common.http.routes import EVENTS, Call, Input, Nothing, Route
from notifier import store
from notifier.domain.problems import RECHECK_PAUSE
from notifier.feed import ACTIVITY, PROBLEM, ActivityView, ProblemView, activity_view, problem_view, stream
from notifier.store import Problem
from notifier.sync import Deps

Place = Annotated[int, Field(ge=0, le=10**15)]


class ProblemQuery(Page):
    """Which problems: by state."""

    state: Literal["open", "solved"] | None = None
    cursor: Annotated[UUID | None, Field(description=CURSOR)] = None


class ProblemPage(BaseModel):
    """Problems, newest first; `next` is null on the last page."""

    problems: list[ProblemView]
    next: UUID | None


class ActivityPage(BaseModel):
    """What happened, newest first; `next` is null on the last page."""

    activity: list[ActivityView]
    next: int | None


class StreamQuery(Input):
    """Where to read on from: a place in the feed. The header Last-Event-ID, if sent, counts instead."""

    after: Place | None = None


async def list_problems(call: Call[Deps, ProblemQuery]) -> ProblemPage:
    query = call.input
    is_open = None if query.state is None else query.state == "open"
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        found = await store.problems(
            conn, call.merchant_id, is_open=is_open, before=query.cursor, limit=query.limit + 1
        )
    shown, last = part(found, query.limit)
    return ProblemPage(problems=[problem_view(each) for each in shown], next=last.id if last else None)


async def list_activity(call: Call[Deps, PageByNumber]) -> ActivityPage:
    query = call.input
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        found = await store.activity(conn, call.merchant_id, query.cursor, query.limit + 1)
    shown, last = part(found, query.limit)
    return ActivityPage(activity=[activity_view(each) for each in shown], next=last.seq if last else None)


async def recheck_problem(call: Call[Deps, Nothing]) -> ProblemView:
    return problem_view(await ask_again(call.deps.database, call.merchant_id, call.path["problem_id"]))


async def watch_feed(call: Call[Deps, StreamQuery]) -> web.StreamResponse:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
    kinds = {ACTIVITY, PROBLEM} if call.claims.allows("problems:read") else {ACTIVITY}
    return await stream(call.request, call.deps.hub, call.merchant_id, call.input.after, kinds)


async def ask_again(database: Database, merchant_id: str, problem_id: str) -> Problem:
    """Have the cause of the problem looked for now, unless that was asked a moment ago. Raises NotFound."""
    async with database.unit() as unit:
        await merchants.find(unit.conn, merchant_id)
        seq = await store.take_place(unit.conn, merchant_id)
        problem = await store.lock_problem(unit.conn, merchant_id, _id(problem_id))
        asked_lately = problem.rechecked_at and problem.rechecked_at > unit.now - RECHECK_PAUSE
        if problem.closed_at is None and not asked_lately:
            unit.emit(RecheckRequested(merchant_id=merchant_id, code=problem.code, subject=problem.subject))
            return await store.note_recheck(unit, problem, seq)
    return problem


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("There is no such problem here.") from None


MERCHANT = "/v1/merchants/{merchant_id}"

ROUTES = [
    Route(
        "GET",
        f"{MERCHANT}/problems",
        list_problems,
        "problems:read",
        takes=ProblemQuery,
        gives=ProblemPage,
        summary="List what needs a person, and what did",
    ),
    Route(
        "POST",
        f"{MERCHANT}/problems/{{problem_id}}/recheck",
        recheck_problem,
        "problems:write",
        gives=ProblemView,
        status=202,
        summary="Look now whether the cause of a problem is gone",
    ),
    Route(
        "GET",
        f"{MERCHANT}/activity",
        list_activity,
        "activity:read",
        takes=PageByNumber,
        gives=ActivityPage,
        summary="List what happened, in words",
    ),
    Route(
        "GET",
        f"{MERCHANT}/stream",
        watch_feed,
        "activity:read",
        takes=StreamQuery,
        gives=EVENTS,
        also=(429,),
        summary="Follow activity live and, with problems:read, problems, as server-sent events",
    ),
]
