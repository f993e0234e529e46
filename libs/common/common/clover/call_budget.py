"""One process's share of the calls that Clover allows the app: live calls first, background calls within their part."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import ceil, inf

import structlog

from common.clock import Clock
from common.clover.grants import InUse, Lease, Leases, Want
from common.clover.in_flight import InFlight
from common.clover.schedule import SECOND, Schedule, Window
from common.db.unit import Priority
from common.errors import Transient, Unavailable

log = structlog.get_logger()

CATCH_UP_SECONDS = 0.25
"""A call that starts this much late, because the process was busy or too many calls were counted, delays no later one.
So those calls are spread over the second, and none is lost for being late."""

BUSY_SECONDS = 0.15
"""A wait for the next call above which the process asks for as many calls as there are."""

WAIT_SECONDS = 0.75
"""About the time that the last of the background turns waits for its call."""

FIRST_TURNS = 4

STAYS_BUSY_SECONDS = 5.0

LITTLE_RATE = 2.0
"""Calls a second that catalog lends a process of single calls."""

IDLE_SECONDS = 2.0
"""A process without a call for this long gives back most of its lease; it would count for long after its end, too."""

ASK_AGAIN_SECONDS = 1.0
"""The pause after a renewal that failed."""

MOST_IN_A_ROW = 4
"""Urgent calls that start in a row while background calls wait. A turn of background work keeps its merchant, whose
urgent work would else wait for as long as other merchants use all calls."""


Follow = Callable[[], Awaitable[None]]
"""Starts a call that follows another one, which has ended."""


@dataclass
class _Counted:
    """The calls of a permit that are counted and have not ended."""

    calls: int


class CallBudget:
    """The calls of one process to Clover, for all merchants: their rate and their number in flight, as leased.

    In any second no more calls reach Clover than leased, wherever a stall holds them. Calls start by priority, then in
    the order of their requests. Background calls (`Priority.BULK`) use at most the background rate and leave one place
    in flight free where there are several, so a live call starts soon, however much background work waits. However many
    urgent calls wait, every fifth call is a background one.
    """

    def __init__(self, leases: Leases, clock: Clock) -> None:
        self._leases = leases
        self._clock = clock
        self._lease: Lease | None = None
        self._want = Want.LITTLE
        self._renew_at = self._expires_at = -inf
        self._busy_at = self._admitted_at = -inf
        self._schedule = Schedule(CATCH_UP_SECONDS)
        self._window = Window()
        self._background = Schedule(CATCH_UP_SECONDS)
        self._in_flight = InFlight(lambda: self._renew_at, self._renew, clock)
        self._line: list[tuple[Priority, int]] = []
        self._numbers = count()
        self._in_a_row = 0
        self._changed = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._idle: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def permit(self, priority: Priority, calls: int = 1) -> AsyncIterator[Follow]:
        """Wait until a call may start; it is in flight during the block. Yield a function that starts each later call.

        Raise Throttled when all calls are taken for long, and Unavailable without catalog.
        """
        counted = _Counted(await self._admit(priority, calls))
        try:
            with self._in_flight.call():
                self._report()
                yield partial(self._follow, priority, counted)
        finally:
            self._window.end(counted.calls, self._clock.monotonic())
            self._report()
            self._wake()
            self._watch_for_idleness()

    async def _follow(self, priority: Priority, counted: _Counted) -> None:
        """Start a call that follows another one, which has ended.

        If the lease has fewer calls than were reserved, wait until the one before is not counted any more.
        """
        if counted.calls > 1:
            counted.calls -= 1
            self._window.end(1, self._clock.monotonic())
        else:
            await self._clock.sleep(SECOND)
        if self._lease is not None:
            self._count(priority, self._lease)

    def background_turns(self) -> int:
        """Return how many turns of background work may run at once, so that none waits long for its first call.

        A turn keeps its merchant, whose live changes wait for its end.
        """
        return ceil(WAIT_SECONDS * self._lease.background_rate) if self._lease else FIRST_TURNS

    def expect(self, merchant_ids: list[str]) -> None:
        """Name the merchants whose turns come next, so that their grants are taken together."""
        self._leases.expect(merchant_ids)

    async def _admit(self, priority: Priority, calls: int) -> int:
        """Wait until a call may start; return how many of these calls, which follow one another, are counted."""
        if self._idle is not None:
            self._idle.cancel()
        place = priority, next(self._numbers)
        heapq.heappush(self._line, place)
        self._report()
        try:
            while True:
                lease = await self._fresh()
                wait = self._wait(self._line[0][0], calls, lease) if self._first() == place else inf
                if wait <= 0:
                    counted = min(calls, lease.calls)
                    self._stays_busy()
                    self._count(priority, lease)
                    self._window.start(counted)
                    return counted
                self._ask_for_more(wait)
                await self._until_changed(wait)
        finally:
            self._line.remove(place)
            heapq.heapify(self._line)
            self._wake()

    def _first(self) -> tuple[Priority, int]:
        """Return the place of the call that starts next. One that others have overtaken starts as they would."""
        if self._in_a_row < MOST_IN_A_ROW:
            return self._line[0]
        return min((each for each in self._line if each[0] is Priority.BULK), default=self._line[0])

    def _stays_busy(self) -> None:
        """Count the process as busy when it calls so often that it would wait with a little lease."""
        now = self._clock.monotonic()
        if now - self._admitted_at <= 1 / LITTLE_RATE - BUSY_SECONDS:
            self._busy_at = now
        self._admitted_at = now

    def _wait(self, priority: Priority, calls: int, lease: Lease) -> float:
        """Return the seconds until a call of this priority may start; infinite while none can before another ends."""
        is_background = priority is Priority.BULK
        places = max(1, lease.concurrency - 1) if is_background else lease.concurrency
        if self._in_flight.count >= places:
            return inf
        counted = min(calls, lease.calls)
        at = max(self._schedule.next_at(lease.rate), self._window.next_at(lease.calls, counted))
        if is_background:
            at = max(at, self._background.next_at(lease.background_rate))
        return at - self._clock.monotonic()

    def _report(self) -> None:
        """Report the calls in use, with those that may start while catalog is asked."""
        now = self._clock.monotonic()
        in_use = InUse(self._window.count(now), self._in_flight.count)
        if self._lease is not None and now < self._expires_at:
            in_use = in_use.or_more(self._lease.in_use)
        self._leases.report(in_use)

    def _count(self, priority: Priority, lease: Lease) -> None:
        now = self._clock.monotonic()
        self._schedule.start(lease.rate, now)
        if priority is Priority.BULK:
            self._background.start(lease.background_rate, now)
            self._in_a_row = 0
        elif any(each[0] is Priority.BULK for each in self._line):
            self._in_a_row += 1

    async def _fresh(self) -> Lease:
        """Return a lease that is good now; renew it in time, while calls go on under the old one."""
        self._use_renewed()
        now = self._clock.monotonic()
        if self._lease is not None and now < self._expires_at:
            if now >= self._renew_at:
                self._ask(self._needed())
            return self._lease
        asking = self._ask(self._needed())
        await asyncio.wait([asking])
        if self._lease is None or self._clock.monotonic() >= self._expires_at:
            raise (None if asking.cancelled() else asking.exception()) or Unavailable("the lease ended")
        return self._lease

    def _needed(self) -> Want:
        return Want.ALL if self._clock.monotonic() - self._busy_at < STAYS_BUSY_SECONDS else Want.LITTLE

    def _ask_for_more(self, wait: float) -> None:
        """Ask for a larger lease when calls wait for long and little was asked for."""
        if wait < BUSY_SECONDS:
            return
        self._busy_at = self._clock.monotonic()
        if self._want is Want.LITTLE:
            self._ask(Want.ALL)

    def _ask(self, want: Want) -> asyncio.Task[None]:
        """Return the request that is under way, begun now if there is none."""
        if self._asking is None or self._asking.done():
            self._report()
            self._want = want
            self._asking = asyncio.create_task(self._take(want), name="lease of calls")
            self._asking.add_done_callback(_seen)
        return self._asking

    async def _take(self, want: Want) -> None:
        try:
            self._use(await self._leases.lease(want))
        except Transient as error:
            log.warning("lease not renewed", reason=str(error))
            self._renew_at = self._clock.monotonic() + ASK_AGAIN_SECONDS
            raise

    def _use(self, lease: Lease) -> None:
        self._lease, now = lease, self._clock.monotonic()
        self._renew_at, self._expires_at = now + lease.renew_in, now + lease.expires_in
        self._report()
        self._in_flight.rearm()
        self._wake()

    def _watch_for_idleness(self) -> None:
        if self._want is Want.ALL and not self._in_flight.count and not self._line:
            self._idle = asyncio.create_task(self._give_back(), name="end of work")

    async def _give_back(self) -> None:
        """Take a small lease instead of the large one, which is not used from here on: nothing needs confirming."""
        await self._clock.sleep(IDLE_SECONDS)
        self._lease, self._expires_at = None, -inf
        self._ask(Want.LITTLE)

    async def _renew(self) -> None:
        self._use_renewed()
        if self._clock.monotonic() >= self._renew_at:
            await asyncio.wait([self._ask(self._needed())])

    def _use_renewed(self) -> None:
        if (renewed := self._leases.renewed(self._needed())) is not None:
            if renewed.rate <= LITTLE_RATE:
                self._want = Want.LITTLE  # it was asked for while few calls were made
            self._use(renewed)

    async def _until_changed(self, seconds: float) -> None:
        changed = self._changed
        if seconds == inf:
            await changed.wait()
            return
        with suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _seen(asking: asyncio.Task[None]) -> None:
    """Take notice of the error: calls that go on under the old lease do not ask for it."""
    if not asking.cancelled():
        asking.exception()
