"""Problems over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from common.contracts.notifier import RecheckRequested
from common.db import merchants
from common.db.database import Database
from common.errors import NotFound
from common.http.paging import CURSOR, Page, part
from common.http.routes import Call, Nothing, PathParameter, Route, Tag
from notifier.deps import Deps
from notifier.domain.problems import RECHECK_INTERVAL, Problem
from notifier.responses import ProblemResponse, problem_response
from notifier.store import feed
from notifier.store import problems as store

PROBLEMS = "/v1/merchants/{merchant_id}/problems"

TAG = Tag(
    "Problems",
    "Causes that stop part of the sync until somebody acts, with the steps that resolve them. A problem opens when "
    "the first order, product or stock count has to wait, and resolves when the last one went through.",
)


class ProblemQuery(Page):
    """Which problems to list."""

    state: Annotated[
        Literal["open", "resolved"] | None, Field(description="Only problems in this state; all when left out.")
    ] = None
    cursor: Annotated[UUID | None, Field(description=CURSOR)] = None


class ProblemPage(BaseModel):
    """A page of problems, newest first."""

    problems: list[ProblemResponse] = Field(description="The problems of this page.")
    next: UUID | None = Field(description="The `cursor` of the next page; null on the last page.")


async def list_problems(call: Call[Deps, ProblemQuery]) -> ProblemPage:
    query = call.input
    is_open = None if query.state is None else query.state == "open"
    await merchants.find_or_fetch(call.deps.database, call.deps.catalog, call.merchant_id)
    async with call.deps.database.connection() as conn:
        found = await store.list_problems(
            conn, call.merchant_id, is_open=is_open, before=query.cursor, limit=query.limit + 1
        )
    page, last = part(found, query.limit)
    return ProblemPage(problems=[problem_response(each) for each in page], next=last.id if last else None)


async def recheck_problem(call: Call[Deps, Nothing]) -> ProblemResponse:
    return problem_response(await request_recheck(call.deps.database, call.merchant_id, call.path["problem_id"]))


async def request_recheck(database: Database, merchant_id: str, problem_id: str) -> Problem:
    """Ask the services to check the cause now, unless that was requested a moment ago. Raises NotFound."""
    async with database.unit() as unit:
        await merchants.find(unit.conn, merchant_id)
        seq = await feed.next_seq(unit.conn, merchant_id)
        problem = await store.lock_problem(unit.conn, merchant_id, _id(problem_id))
        requested_lately = problem.rechecked_at and problem.rechecked_at > unit.now - RECHECK_INTERVAL
        if problem.resolved_at is None and not requested_lately:
            unit.emit(RecheckRequested(merchant_id=merchant_id, code=problem.code, subject=problem.subject))
            unit.notify(feed.FEED)
            return await store.save_recheck(unit, problem, seq)
    return problem


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("There is no such problem here.") from None


EXAMPLE_ID = "019dc0de-5a7e-7c31-9b1e-3f2f9f6a1c55"
EXAMPLE = {
    "id": EXAMPLE_ID,
    "code": "order_type_missing",
    "subject": "",
    "severity": "blocked",
    "state": "open",
    "title": "Orders are waiting: Clover has no order type named “QuickSync”",
    "explanation": "QuickSync files every order under an order type named “QuickSync”, and your Clover doesn't have it "
    "yet. Your orders are safe here. We'll send them as soon as the order type exists.",
    "remedy": "In Clover, open Setup → Order Types, add an order type named exactly “QuickSync” and save. We then send "
    "the waiting orders automatically, oldest first.",
    "waiting": 214,
    "waiting_message": "214 orders are waiting",
    "affected": [{"subject": "1001", "reason": ""}],
    "opened_at": "2026-11-23T12:00:00Z",
    "failing_since": None,
    "resolved_at": None,
    "resumed_count": 0,
    "resolved_message": "",
    "rechecked_at": None,
}

ROUTES = [
    Route(
        "GET",
        PROBLEMS,
        list_problems,
        "problems:read",
        takes=ProblemQuery,
        gives=ProblemPage,
        summary="List problems",
        description="Returns the merchant's problems, newest first. Titles, explanations and remedies are written for "
        "the merchant and can be shown as they are.",
        tags=(TAG,),
        example={"state": "open", "limit": 20},
        gives_example={"problems": [EXAMPLE], "next": None},
    ),
    Route(
        "POST",
        f"{PROBLEMS}/{{problem_id}}/recheck",
        recheck_problem,
        "problems:write",
        gives=ProblemResponse,
        status=202,
        summary="Recheck a problem",
        description="Asks QuickSync to check now whether the cause is gone, and to send the work that waits for it. It "
        "would do so by itself within minutes. A recheck within five seconds of the last one, or of a resolved "
        "problem, has no effect.",
        tags=(TAG,),
        path_parameters={"problem_id": PathParameter("The `id` of the problem.", EXAMPLE_ID)},
        gives_example=EXAMPLE | {"rechecked_at": "2026-11-23T12:12:00Z"},
    ),
]
