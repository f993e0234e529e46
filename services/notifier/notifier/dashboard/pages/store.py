"""The page of one store: its problems, its activity, its connection."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from aiohttp import web

from common import messages
from common.contracts.problems import Severity
from common.errors import NotFound
from notifier.api.problems import request_recheck
from notifier.dashboard.pages.stores import store_card
from notifier.dashboard.rendering import PageCall, redirect, render, render_note
from notifier.dashboard.visitors import Visitor, is_own_form
from notifier.domain import times
from notifier.domain.problems import Problem
from notifier.feed.hub import ACTIVITY, PROBLEM
from notifier.feed.stream import parse_seq, stream
from notifier.responses import activity_response, problem_response
from notifier.store import feed, problems
from notifier.store.feed import Entry
from notifier.store.merchants import list_stores

MAX_ACTIVITY = 30
MAX_PROBLEMS = 50


async def show_store(call: PageCall, visitor: Visitor) -> web.StreamResponse:
    merchant_id = call.path["store"]
    visitor.check(merchant_id)
    async with call.deps.database.connection() as conn:
        seq = await feed.last_seq(conn, merchant_id)  # before the rest: the stream continues from here
        stores = await list_stores(conn, [merchant_id], 1)
        open_problems = await problems.list_problems(conn, merchant_id, is_open=True, before=None, limit=MAX_PROBLEMS)
        resolved = await problems.last_resolved(conn, merchant_id)
        entries = await feed.list_activity(conn, merchant_id, None, MAX_ACTIVITY)
    if not stores:
        raise NotFound
    shown = _Cards(call.deps.database.clock.now(), times.zone(stores[0].merchant.timezone))
    return render(
        call,
        "store.html",
        visitor=visitor,
        store=store_card(stores[0]),
        seq=seq,
        is_behind=not call.deps.is_consuming(),
        problems=[shown.open_problem(each) for each in sorted(open_problems, key=_most_urgent_first)],
        resolved=shown.resolved_problem(resolved) if resolved else None,
        activity=[shown.activity(entry) for entry in entries],
        may_recheck=visitor.claims.allows("problems:write"),
    )


async def recheck(call: PageCall, visitor: Visitor) -> web.StreamResponse:
    merchant_id = call.path["store"]
    visitor.check(merchant_id)
    if not (visitor.claims.allows("problems:write") and await is_own_form(call, visitor)):
        return render_note(call, 403, "foreign_form")
    problem = await request_recheck(call.deps.database, merchant_id, call.path["problem_id"])
    return redirect(f"/dashboard/{merchant_id}/#again-{problem.id}")  # back to the button that was pressed


async def stream_store(call: PageCall, visitor: Visitor) -> web.StreamResponse:
    merchant_id, after = call.path["store"], call.request.query.get("after", "")
    visitor.check(merchant_id)
    return await stream(
        call.request, call.deps.hub, merchant_id, parse_seq(after), {ACTIVITY, PROBLEM}, session=visitor.session
    )


@dataclass(frozen=True)
class _Cards:
    """The values that the template shows, with times as of now in the merchant's time zone."""

    now: datetime
    where: tzinfo

    def open_problem(self, problem: Problem) -> dict[str, Any]:
        return problem_response(problem).model_dump() | {
            "began_at": problem.began_at,
            "began": self._time(problem.began_at),
            "elapsed": times.elapsed(problem.began_at, self.now, messages.for_locale()),
            "unnamed": problem.unnamed,
            "rechecked": self._time(problem.rechecked_at),
        }

    def resolved_problem(self, problem: Problem) -> dict[str, Any]:
        return problem_response(problem).model_dump() | {"time": self._time(problem.resolved_at)}

    def activity(self, entry: Entry) -> dict[str, Any]:
        return activity_response(entry).model_dump() | {"time": self._time(entry.at)}

    def _time(self, at: datetime | None) -> str:
        return times.relative(at, self.now, self.where, messages.for_locale()) if at else ""


def _most_urgent_first(problem: Problem) -> tuple[int, datetime]:
    return list(Severity).index(problem.code.severity), problem.opened_at
