"""The feed as server-sent events."""

import asyncio
import random
import re
from collections.abc import Collection, Sequence

import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse

from notifier.feed.hub import FeedEvent, Hub, Subscription

log = structlog.get_logger()

PING_SECONDS = 15.0
SEND_SECONDS = 10.0

MAX_STREAM_SECONDS = 600.0
"""Streams end after this time and clients reconnect, so that tokens are checked again and replicas share the load."""

RETRY_MILLISECONDS = 2000

_SEQ = re.compile(r"[0-9]{1,15}", re.ASCII)


def parse_seq(text: str) -> int | None:
    """Return the number in the feed that this text gives, or None if it is not one."""
    return int(text) if _SEQ.fullmatch(text) else None


async def stream(
    request: web.Request,
    hub: Hub,
    merchant_id: str,
    after: int | None,
    kinds: Collection[str],
    *,
    session: bytes | None = None,
    seconds: float = MAX_STREAM_SECONDS,
) -> web.StreamResponse:
    """Stream these kinds of events until the client leaves, the session ends or the time is up.

    Last-Event-ID overrides `after`. The stream lasts at most `seconds`.
    """

    def is_connected() -> bool:
        return request.transport is not None and not request.transport.is_closing()

    resumed = parse_seq(request.headers.get("Last-Event-ID", ""))
    start = after if resumed is None else resumed
    async with hub.subscribed(merchant_id, start, session=session, is_connected=is_connected) as (subscription, missed):
        response = EventSourceResponse(ping_interval=PING_SECONDS, send_timeout=SEND_SECONDS)
        response.headers["Cache-Control"] = "no-store"
        await response.prepare(request)
        try:
            async with response:
                await _send(response, missed or [], kinds)
                first = "reset" if missed is None else "ready"
                await response.send("{}", id=str(subscription.seq), event=first, retry=RETRY_MILLISECONDS)
                await _forward(response, subscription, kinds, seconds)
        except (ConnectionResetError, TimeoutError):
            log.debug("a client left its stream")
    return response


async def _forward(
    response: EventSourceResponse, subscription: Subscription, kinds: Collection[str], seconds: float
) -> None:
    clock = asyncio.get_running_loop().time
    spread = MAX_STREAM_SECONDS * random.uniform(0.8, 1.0)  # so that not all reconnect at once
    end = clock() + min(seconds, spread)
    while response.is_connected() and not subscription.has_ended and clock() < end:
        await _send(response, await subscription.next(min(PING_SECONDS, end - clock())), kinds)


async def _send(response: EventSourceResponse, events: Sequence[FeedEvent], kinds: Collection[str]) -> None:
    for event in events:
        if event.kind in kinds:
            await response.send(event.body, id=str(event.seq), event=event.kind)
