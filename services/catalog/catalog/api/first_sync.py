"""The first sync: how far the first read of all of a merchant's items has got, once or as a stream."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse
from pydantic import BaseModel, Field

from catalog.api.connection_schemas import CONNECTIONS, MERCHANT
from catalog.deps import Deps
from catalog.kinds import SWEEP_ITEMS
from catalog.store import items
from common.db import merchants
from common.db.database import Database
from common.errors import NotFound, Unavailable
from common.http.routes import EVENTS, Call, Nothing, Route
from common.work import table
from common.work.api import Progress, progress

log = structlog.get_logger()

LOOK_SECONDS: Final = 1.0
STREAM_SECONDS: Final = 600.0
"""Streams end after this time and clients reconnect, so that tokens are checked again."""

SEND_SECONDS: Final = 10.0
RETRY_MILLISECONDS: Final = 2000


class FirstSyncState(StrEnum):
    """The state of a first sync."""

    WAITING = "waiting"
    READING = "reading"
    DONE = "done"


class FirstSync(BaseModel):
    """How far the first sync of a merchant has got."""

    state: Annotated[
        FirstSyncState,
        Field(
            description="`waiting`: it begins soon, or waits for the reason given. `reading`: it reads the items, in "
            "slices between which more urgent work runs. `done`: all items are known, and webhooks and regular "
            "comparisons keep them so. It begins anew when a disconnected merchant is connected again."
        ),
    ]
    items: Annotated[int, Field(description="The number of items known so far.")]
    progress: Annotated[Progress | None, Field(description="The progress while it reads; null otherwise.")] = None
    reason: Annotated[str | None, Field(description="Why it is held, such as a lost connection, or null.")] = None
    completed_at: Annotated[datetime | None, Field(description="When all items were known; null until then.")] = None


async def get_first_sync(call: Call[Deps, Nothing]) -> FirstSync:
    return await _first_sync(call.deps.database, call.merchant_id)


async def stream_first_sync(call: Call[Deps, Nothing]) -> web.StreamResponse:
    database, clock = call.deps.database, call.deps.database.clock
    shown = await _first_sync(database, call.merchant_id)
    response = EventSourceResponse(send_timeout=SEND_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    await response.prepare(call.request)
    number, end = 0, clock.monotonic() + STREAM_SECONDS
    try:
        async with response:
            await response.send(shown.model_dump_json(), id="0", event=shown.state, retry=RETRY_MILLISECONDS)
            while shown.state is not FirstSyncState.DONE and response.is_connected() and clock.monotonic() < end:
                await clock.sleep(LOOK_SECONDS)
                before, shown = shown, await _first_sync(database, call.merchant_id)
                if shown != before:
                    number += 1
                    await response.send(shown.model_dump_json(), id=str(number), event=shown.state)
    except (ConnectionResetError, TimeoutError, NotFound, Unavailable) as error:
        log.debug("a stream of a first sync ended", reason=str(error))  # the client connects again
    return response


async def _first_sync(database: Database, merchant_id: str) -> FirstSync:
    async with database.connection() as conn:
        await merchants.find(conn, merchant_id)
        state = await items.mirror_state(conn, merchant_id)
        known = await items.count(conn, merchant_id)
        work = await table.listed(
            conn, merchant_id, database.clock.now(), state=None, kind=SWEEP_ITEMS, problem=None, after=0, limit=1
        )
    if state.completed_at:
        return FirstSync(state=FirstSyncState.DONE, items=known, completed_at=state.completed_at)
    if not work or work[0]["started_at"] is None:
        return FirstSync(state=FirstSyncState.WAITING, items=known, reason=work[0]["reason"] if work else None)
    row = work[0]
    shown = progress(row["done"], row["total"], row["started_at"], database.clock.now())
    return FirstSync(state=FirstSyncState.READING, items=known, progress=shown, reason=row["reason"])


EXAMPLE = {
    "state": "done",
    "items": 102400,
    "progress": None,
    "reason": None,
    "completed_at": "2026-11-23T09:30:09Z",
}

ROUTES = [
    Route(
        "GET",
        f"{MERCHANT}/first-sync",
        get_first_sync,
        "merchants:read",
        gives=FirstSync,
        summary="Get the first sync of a merchant",
        description="Returns how far the first read of all items in Clover has got, since the merchant was connected.",
        tags=(CONNECTIONS,),
        gives_example=EXAMPLE,
    ),
    Route(
        "GET",
        f"{MERCHANT}/first-sync/stream",
        stream_first_sync,
        "merchants:read",
        gives=EVENTS,
        summary="Stream the first sync of a merchant",
        description="Streams the fields of Get the first sync of a merchant when they change, at most once a second. "
        "Each event is named by the state. The stream ends after `done`, or after ten minutes: then connect again.",
        tags=(CONNECTIONS,),
    ),
]
