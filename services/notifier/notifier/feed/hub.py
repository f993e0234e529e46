"""Distributes new feed entries to every open stream.

One hub per process reads new entries from the database, woken by notifications and polling in between, and puts them
into each subscription's bounded queue. A stream that reads too slowly is ended; the client then resumes with its
Last-Event-ID.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from common.backoff import Backoff
from common.db.database import Database
from common.errors import Throttled, Transient
from notifier.responses import activity_response, problem_response
from notifier.store import feed as store
from notifier.store import sessions
from notifier.store.feed import Entry

log = structlog.get_logger()

POLL_SECONDS = 2.0
"""The pause between two looks without a notification: the upper bound of the delay when one is lost."""

ENTRIES_PER_READ = 200

MAX_CATCH_UP = 500
"""The most entries a returning client receives one by one. Reading the lists anew costs less than more of them."""

MAX_QUEUED = 256
MAX_SUBSCRIPTIONS = 50
"""Streams of one merchant in one process: a loop of reconnects must not use up all connections."""

PROBLEM, ACTIVITY = "problem", "activity"
"""The kinds of feed events."""


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of the stream, rendered once for all subscriptions of the merchant."""

    seq: int
    kind: str
    body: str


def feed_event(entry: Entry) -> FeedEvent:
    if entry.problem is not None:
        return FeedEvent(entry.seq, PROBLEM, problem_response(entry.problem).model_dump_json())
    return FeedEvent(entry.seq, ACTIVITY, activity_response(entry).model_dump_json())


class Subscription:
    """The queue of one stream.

    `session` is the hash of the dashboard session it belongs to, None for a stream of the API. `is_connected` returns
    whether the client is still there. `has_ended` is set when the session or the process ends, and when the queue
    overflows.
    """

    def __init__(self, seq: int, session: bytes | None = None, is_connected: Callable[[], bool] = lambda: True) -> None:
        self.seq = seq
        self.session = session
        self.is_connected = is_connected
        self.has_ended = False
        self._queue: deque[FeedEvent] = deque()
        self._changed = asyncio.Event()

    def push(self, event: FeedEvent) -> None:
        if len(self._queue) >= MAX_QUEUED:
            self.end()
        elif not self.has_ended:
            self._queue.append(event)
            self._changed.set()

    def end(self) -> None:
        self.has_ended = True
        self._queue.clear()
        self._changed.set()

    async def next(self, within: float) -> list[FeedEvent]:
        """Return the events after `seq`, which advances; an empty list after `within` seconds without any."""
        try:
            async with asyncio.timeout(within):
                await self._changed.wait()
        except TimeoutError:
            return []
        self._changed.clear()
        fresh = [event for event in self._queue if event.seq > self.seq]
        self._queue.clear()
        self.seq = max([self.seq, *(event.seq for event in fresh)])
        return fresh


class Hub:
    """The subscriptions of this process, by merchant."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._seqs: dict[str, int] = {}

    @asynccontextmanager
    async def subscribed(
        self,
        merchant_id: str,
        after: int | None,
        *,
        session: bytes | None = None,
        is_connected: Callable[[], bool] = lambda: True,
    ) -> AsyncIterator[tuple[Subscription, list[FeedEvent] | None]]:
        """Yield a subscription to this merchant, with the events since `after`, or None if those are too many.

        Raises Throttled when the merchant has too many subscriptions.
        """
        async with self._database.connection() as conn:
            last = await store.last_seq(conn, merchant_id)
        subscription = Subscription(last if after is None else after, session, is_connected)
        self._join(merchant_id, subscription, last)
        try:
            yield subscription, await self._missed(merchant_id, subscription, last)
        finally:
            self._leave(merchant_id, subscription)

    def _join(self, merchant_id: str, subscription: Subscription, last: int) -> None:
        subscriptions = self._subscriptions.setdefault(merchant_id, set())
        if sum(each.is_connected() for each in subscriptions) >= MAX_SUBSCRIPTIONS:
            raise Throttled("This merchant has too many open streams.", retry_after=timedelta(seconds=30))
        subscriptions.add(subscription)
        self._seqs.setdefault(merchant_id, last)

    def _leave(self, merchant_id: str, subscription: Subscription) -> None:
        self._subscriptions[merchant_id].discard(subscription)
        if not self._subscriptions[merchant_id]:
            del self._subscriptions[merchant_id], self._seqs[merchant_id]

    async def _missed(self, merchant_id: str, subscription: Subscription, last: int) -> list[FeedEvent] | None:
        """Read after joining, so that nothing falls between the two; `seq` filters out entries that arrive twice."""
        async with self._database.connection() as conn:
            entries = await store.entries_after(conn, {merchant_id: subscription.seq}, MAX_CATCH_UP)
        if len(entries) == MAX_CATCH_UP or subscription.seq > last:
            subscription.seq = last
            return None
        subscription.seq = max([subscription.seq, *(entry.seq for entry in entries)])
        return [feed_event(entry) for entry in entries]

    async def run(self, stop: asyncio.Event) -> None:
        """Distribute new entries until `stop`."""
        backoff = Backoff(self._database.clock, first=0.2, most=5.0)
        while not stop.is_set():
            try:
                await self.poll()
                await self.end_signed_out()
                backoff.reset()
                await self._database.wakeups.wait(store.FEED, POLL_SECONDS)
            except Transient as error:
                log.warning("the feed is delayed", reason=str(error))
                await backoff.wait(stop)

    async def poll(self) -> None:
        """Distribute the new entries of all merchants with subscriptions, until there are no more."""
        while self._seqs:
            async with self._database.connection() as conn:
                entries = await store.entries_after(conn, self._seqs, ENTRIES_PER_READ)
            for entry in entries:
                if entry.merchant_id in self._seqs:  # the last subscription may have left during the read
                    self._distribute(entry)
            if len(entries) < ENTRIES_PER_READ:
                return

    async def end_signed_out(self) -> None:
        """End the streams whose session has ended: the person signed out, here or on another page, or it expired."""
        every = (each for subscriptions in self._subscriptions.values() for each in subscriptions)
        watched = [each for each in every if each.session and not each.has_ended]
        if not watched:
            return
        async with self._database.connection() as conn:
            hashes = {each.session for each in watched if each.session}
            signed_in = await sessions.open_sessions(conn, hashes, self._database.clock.now())
        for each in watched:
            if each.session not in signed_in:
                each.end()

    def _distribute(self, entry: Entry) -> None:
        if entry.seq <= self._seqs[entry.merchant_id]:
            return
        self._seqs[entry.merchant_id] = entry.seq
        event = feed_event(entry)
        for subscription in self._subscriptions[entry.merchant_id]:
            subscription.push(event)

    async def close(self) -> None:
        """End every stream: this process stops, and the clients reconnect to another."""
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.end()
