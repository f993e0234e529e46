"""Activity over HTTP, as pages and as a live stream."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from common.db import merchants
from common.http.paging import PageByNumber, part
from common.http.routes import EVENTS, Call, Input, Route, Tag
from notifier.deps import Deps
from notifier.feed.hub import ACTIVITY, PROBLEM
from notifier.feed.stream import stream
from notifier.responses import ActivityResponse, activity_response
from notifier.store import feed

MERCHANT = "/v1/merchants/{merchant_id}"

TAG = Tag("Activity", "What happened to the merchant's products, stock and orders, in words for the merchant.")


class ActivityPage(BaseModel):
    """A page of activity, newest first."""

    activity: list[ActivityResponse] = Field(description="The entries of this page.")
    next: int | None = Field(description="The `cursor` of the next page; null on the last page.")


class StreamQuery(Input):
    """Where the stream starts."""

    after: Annotated[
        int | None,
        Field(
            ge=0,
            le=10**15,
            description="Start after this number in the feed (`seq`). Leave it out to receive new events only. The "
            "header Last-Event-ID overrides it.",
        ),
    ] = None


async def list_activity(call: Call[Deps, PageByNumber]) -> ActivityPage:
    query = call.input
    await merchants.find_or_fetch(call.deps.database, call.deps.catalog, call.merchant_id)
    async with call.deps.database.connection() as conn:
        found = await feed.list_activity(conn, call.merchant_id, query.cursor, query.limit + 1)
    page, last = part(found, query.limit)
    return ActivityPage(activity=[activity_response(each) for each in page], next=last.seq if last else None)


async def stream_feed(call: Call[Deps, StreamQuery]) -> web.StreamResponse:
    await merchants.find_or_fetch(call.deps.database, call.deps.catalog, call.merchant_id)
    kinds = {ACTIVITY, PROBLEM} if call.claims.allows("problems:read") else {ACTIVITY}
    return await stream(
        call.request, call.deps.hub, call.merchant_id, call.input.after, kinds, seconds=call.claims.seconds_left()
    )


EXAMPLE = {
    "seq": 4711,
    "at": "2026-11-23T12:00:00Z",
    "type": "orders.order_synced.v1",
    "message": "Order 1001 is in Clover, $12.50, paid.",
    "level": "success",
}

ROUTES = [
    Route(
        "GET",
        f"{MERCHANT}/activity",
        list_activity,
        "activity:read",
        takes=PageByNumber,
        gives=ActivityPage,
        summary="List activity",
        description="Returns the merchant's activity, newest first.",
        tags=(TAG,),
        example={"limit": 1},
        gives_example={"activity": [EXAMPLE], "next": EXAMPLE["seq"]},
    ),
    Route(
        "GET",
        f"{MERCHANT}/stream",
        stream_feed,
        "activity:read",
        takes=StreamQuery,
        gives=EVENTS,
        also=(429,),
        summary="Stream activity and problems",
        description="Streams events as they happen: `activity` with the fields of List activity and, with the scope "
        "`problems:read`, `problem` with those of List problems. `ready` follows once the stream has caught up; "
        "`reset` instead means that more was missed than is resent, so read the lists anew. The stream ends after "
        "about ten minutes; reconnect with Last-Event-ID.",
        tags=(TAG,),
        example={"after": 4711},
    ),
]
