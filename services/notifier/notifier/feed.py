"""The live feed: how problems and activity are shown, and how news reach everybody who watches.

One hub per process reads what is new from the database, woken by the bell and looking by itself every so often, and
hands it to each watcher's bounded queue. Who reads too slowly is dropped and comes back with its Last-Event-ID.
"""

import asyncio
import random
import re
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse
from pydantic import BaseModel, Field, ValidationError

from common import messages
from common.backoff import Backoff
from common.contracts.envelope import Event
from common.contracts.problems import Code, Severity
from common.db.database import Database
from common.errors import Throttled, Transient
from notifier import store
from notifier.domain import words
from notifier.domain.words import Line, Tone
from notifier.store import Entry, Problem

log = structlog.get_logger()

LOOK_SECONDS = 2.0
NEWS_AT_ONCE = 200
CATCH_UP = 500
MOST_WAITING = 256
MOST_WATCHERS = 50
PING_SECONDS = 15.0
SEND_SECONDS = 10.0
LIFE_SECONDS = 600.0
RETRY_MILLISECONDS = 2000
PROBLEM, ACTIVITY = "problem", "activity"
"""The kinds of news."""

PLACE = re.compile(r"[0-9]{1,15}", re.ASCII)


class ProblemView(BaseModel):
    """Something that needs a person, or did."""

    id: UUID
    code: Code
    subject: str = Field(description="What it is about when a code alone does not say it; mostly empty.")
    severity: Severity
    state: Literal["open", "solved"]
    title: str
    explanation: str
    remedy: str = Field(description="What the person does, with the exact words to type.")
    waiting: int = Field(description="How many wait for it now.")
    waiting_words: str
    since: datetime
    solved_at: datetime | None
    done: int = Field(description="How many that waited went through.")
    solved_words: str = Field(description="Empty while it is open.")
    rechecked_at: datetime | None = Field(description="When somebody last asked to look again.")


class ActivityView(BaseModel):
    """Something that happened, in words."""

    seq: int = Field(description="Its place in the merchant's feed.")
    at: datetime
    type: str = Field(description="The event, such as `orders.order_synced.v1`.")
    words: str
    tone: Tone


def problem_view(problem: Problem) -> ProblemView:
    texts, is_open = messages.for_locale(), problem.closed_at is None
    return ProblemView(
        id=problem.id,
        code=problem.code,
        subject=problem.subject,
        severity=problem.code.severity,
        state="open" if is_open else "solved",
        title=texts.title(problem.code),
        explanation=texts.explanation(problem.code),
        remedy=texts.remedy(problem.code),
        waiting=problem.waiting,
        waiting_words=texts.waiting(problem.code, problem.waiting),
        since=problem.since,
        solved_at=problem.closed_at,
        done=problem.done,
        solved_words="" if is_open else texts.resolved(problem.code, problem.done),
        rechecked_at=problem.rechecked_at,
    )


def activity_view(entry: Entry) -> ActivityView:
    line = _line(entry)
    return ActivityView(seq=entry.seq, at=entry.at, type=entry.type, words=line.words, tone=line.tone)


def _line(entry: Entry) -> Line:
    try:
        return words.told(Event.registry.get(entry.type, Event).model_validate_json(entry.event, extra="ignore"))
    except ValidationError:  # written by another version: no reason to end everybody's feed
        return words.unknown(messages.for_locale())


@dataclass(frozen=True, slots=True)
class News:
    """One message of the stream, the same for everybody who watches the merchant."""

    seq: int
    kind: str
    body: str


def news_of(entry: Entry) -> News:
    if entry.problem is not None:
        return News(entry.seq, PROBLEM, problem_view(entry.problem).model_dump_json())
    return News(entry.seq, ACTIVITY, activity_view(entry).model_dump_json())


class Watcher:
    """One stream's queue. `is_over` once the process stops, or when it fell too far behind."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.is_over = False
        self._waiting: deque[News] = deque()
        self._woken = asyncio.Event()

    def tell(self, news: News) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self.end()
        elif not self.is_over:
            self._waiting.append(news)
            self._woken.set()

    def end(self) -> None:
        self.is_over = True
        self._waiting.clear()
        self._woken.set()

    async def next(self, within: float) -> list[News]:
        """What is new beyond `place`, which moves on; nothing when nothing came in so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self._woken.wait()
        except TimeoutError:
            return []
        self._woken.clear()
        fresh = [news for news in self._waiting if news.seq > self.place]
        self._waiting.clear()
        self.place = max([self.place, *(news.seq for news in fresh)])
        return fresh


class Hub:
    """Everybody in this process who watches, by merchant."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watchers: dict[str, set[Watcher]] = {}
        self._places: dict[str, int] = {}

    @asynccontextmanager
    async def watching(self, merchant_id: str, after: int | None) -> AsyncIterator[tuple[Watcher, list[News] | None]]:
        """A watcher of this merchant, and what came after that place; None when that was too much to tell.

        Raises Throttled when too many watch already.
        """
        async with self._database.connection() as conn:
            last = await store.last_place(conn, merchant_id)
        watcher = Watcher(last if after is None else after)
        self._join(merchant_id, watcher, last)
        try:
            yield watcher, await self._missed(merchant_id, watcher, last)
        finally:
            self._leave(merchant_id, watcher)

    def _join(self, merchant_id: str, watcher: Watcher, last: int) -> None:
        watchers = self._watchers.setdefault(merchant_id, set())
        if len(watchers) >= MOST_WATCHERS:
            raise Throttled("Too many watch this merchant already.", retry_after=timedelta(seconds=30))
        watchers.add(watcher)
        self._places.setdefault(merchant_id, last)

    def _leave(self, merchant_id: str, watcher: Watcher) -> None:
        self._watchers[merchant_id].discard(watcher)
        if not self._watchers[merchant_id]:
            del self._watchers[merchant_id], self._places[merchant_id]

    async def _missed(self, merchant_id: str, watcher: Watcher, last: int) -> list[News] | None:
        """Read after joining: what comes later is told by the hub, and what is told twice is known by its place."""
        async with self._database.connection() as conn:
            entries = await store.news(conn, {merchant_id: watcher.place}, CATCH_UP)
        if len(entries) == CATCH_UP or watcher.place > last:
            watcher.place = last
            return None
        watcher.place = max([watcher.place, *(entry.seq for entry in entries)])
        return [news_of(entry) for entry in entries]

    async def run(self, stop: asyncio.Event) -> None:
        """Look for news until `stop`."""
        backoff = Backoff(first=0.2, most=5.0)
        while not stop.is_set():
            try:
                await self.poll()
                backoff.reset()
                await self._database.wakeups.wait(store.FEED, LOOK_SECONDS)
            except Transient as error:
                log.warning("the feed waits", reason=str(error))
                await backoff.wait(stop)

    async def poll(self) -> None:
        """Hand out what is new for those watched, until there is nothing more."""
        while self._places:
            async with self._database.connection() as conn:
                entries = await store.news(conn, self._places, NEWS_AT_ONCE)
            for entry in entries:
                if entry.merchant_id in self._places:  # the last one may have left meanwhile
                    self._tell(entry)
            if len(entries) < NEWS_AT_ONCE:
                return

    def _tell(self, entry: Entry) -> None:
        if entry.seq <= self._places[entry.merchant_id]:
            return
        self._places[entry.merchant_id] = entry.seq
        news = news_of(entry)
        for watcher in self._watchers[entry.merchant_id]:
            watcher.tell(news)

    async def close(self) -> None:
        """End every stream: the process stops, and they come back to another."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.end()


def place_in(text: str) -> int | None:
    """The place in the feed this text names, None when it is not one."""
    return int(text) if PLACE.fullmatch(text) else None


async def stream(
    request: web.Request, hub: Hub, merchant_id: str, after: int | None, kinds: Collection[str]
) -> web.StreamResponse:
    """Tell this caller these kinds of news of the merchant, until it leaves or ten minutes are over."""
    resumed = place_in(request.headers.get("Last-Event-ID", ""))
    async with hub.watching(merchant_id, after if resumed is None else resumed) as (watcher, missed):
        response = EventSourceResponse(ping_interval=PING_SECONDS, send_timeout=SEND_SECONDS)
        response.headers["Cache-Control"] = "no-store"
        await response.prepare(request)
        try:
            async with response:
                await _send(response, missed or [], kinds)
                hello = "reset" if missed is None else "ready"
                await response.send("{}", id=str(watcher.place), event=hello, retry=RETRY_MILLISECONDS)
                await _follow(response, watcher, kinds)
        except (ConnectionResetError, TimeoutError):
            log.debug("a watcher went away")
    return response


async def _follow(response: EventSourceResponse, watcher: Watcher, kinds: Collection[str]) -> None:
    clock = asyncio.get_running_loop().time
    over = clock() + LIFE_SECONDS * random.uniform(0.8, 1.0)  # not all at once
    while response.is_connected() and not watcher.is_over and clock() < over:
        await _send(response, await watcher.next(min(PING_SECONDS, over - clock())), kinds)


async def _send(response: EventSourceResponse, several: Sequence[News], kinds: Collection[str]) -> None:
    for news in several:
        if news.kind in kinds:
            await response.send(news.body, id=str(news.seq), event=news.kind)
