"""The app's limit holds, however late anything is: requests to catalog, its answers, the processes, and their calls.

Processes share the calls in virtual time; Clover counts what arrives.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.clock import FakeClock
from tests.support.lending import APP, Desk

from catalog.domain.grants import Limit
from catalog.domain.lending import LAST_LEASES_END
from common.clover.call_budget import CallBudget
from common.clover.grants import GrantRequest, Lent, Want
from common.clover.lent_grants import ASK_SECONDS, LentGrants
from common.db.unit import Priority
from common.errors import Transient, Unavailable

BUSY_FROM = 12.0
SMALL = [Limit(12, 40), Limit(100, 9)]
SECONDS = 30.0
MERCHANTS = [f"MRCHNT{number:07}" for number in range(50)]
WORKERS = 8
TURNS = 0.1
"""The part of the calls for which a merchant's grant is asked for, too; the lease comes along with it."""

ROUNDING = 1e-6
SILENT_AGAIN = 25.0
"""Seconds between two requests of a process that stay without an answer."""


@dataclass
class Clover:
    """The calls that arrive at Clover: their times, and how many were in flight at most."""

    arrived: list[float] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    @contextmanager
    def call(self, clock: FakeClock) -> Iterator[None]:
        """Count a call that arrives, and is in flight during the block."""
        self.arrived.append(clock.monotonic())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1

    def most_in_a_second(self) -> int:
        """Return the most calls that arrived within any second."""
        arrived, most, first = sorted(self.arrived), 0, 0
        for last, at in enumerate(arrived):
            while at - arrived[first] >= 1 - ROUNDING:
                first += 1
            most = max(most, last - first + 1)
        return most


@dataclass(frozen=True)
class Delays:
    """How long things take at most: requests to catalog, its answers, calls on their way to Clover, and there.

    One call in `strays` is on its way for up to the length of its lease. The process `begins` at some time until then,
    and has pauses.
    """

    asking: float
    answering: float
    calling: float
    staying: float
    strays: int = 200
    pauses: tuple[float, ...] = (0.1, 1, 3)
    begins: float = 15.0
    visits: tuple[int, ...] = (1, 1, 2)


class Late:
    """A process whose requests and calls are late."""

    def __init__(self, desk: Desk, clover: Clover, delays: Delays, random: Random) -> None:
        self._desk, self._clover, self._delays, self._random = desk, clover, delays, random
        self._clock = desk.clock
        self._grants = LentGrants(self._lend, random.choice(("catalog", "inventory", "orders")), desk.clock)
        self._budget = CallBudget(self._grants, desk.clock)
        self._busy = asyncio.Event()
        self._arrive_by = self._silent_at = 0.0
        self._under_way: set[asyncio.Task[Lent]] = set()

    async def run(self) -> None:
        """Begin at some time, and be busy with few pauses."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work())
            await self._clock.sleep(self._random.uniform(0, self._delays.begins))
            while True:
                self._busy.set()
                await self._clock.sleep(self._random.uniform(2, 15))
                self._busy.clear()
                await self._clock.sleep(self._random.choice(self._delays.pauses))

    async def _work(self) -> None:
        while True:
            await self._busy.wait()
            try:
                if self._random.random() < TURNS:
                    await self._grants.take(self._random.choice(MERCHANTS), Want.LITTLE)
                await self._visit(self._random.choice(self._delays.visits))
            except Transient:
                await self._clock.sleep(0.5)

    async def _visit(self, calls: int) -> None:
        async with self._budget.permit(Priority.LIVE, calls) as follow:
            await self._call()
            for _ in range(calls - 1):
                await follow()
                await self._call()

    async def _call(self) -> None:
        left = max(self._arrive_by - self._clock.monotonic(), 0.0)
        longest = left if not self._random.randrange(self._delays.strays) else min(self._delays.calling, left)
        await self._clock.sleep(self._random.uniform(0, longest))
        with self._clover.call(self._clock):
            await self._clock.sleep(self._random.uniform(0.2, 1) * self._delays.staying)

    async def _lend(self, request: GrantRequest) -> Lent:
        """Ask; now and then the answer is awaited in vain, and catalog gets the request all the same."""
        asked_at = self._clock.monotonic()
        is_silent = asked_at > self._silent_at + SILENT_AGAIN and not self._random.randrange(20)
        asking = asyncio.create_task(self._asked(request, SECONDS / 2 if is_silent else self._delays.asking))
        self._under_way.add(asking)
        asking.add_done_callback(self._under_way.discard)
        try:
            async with self._clock.timeout(ASK_SECONDS):
                lent = await asyncio.shield(asking)
        except TimeoutError:
            self._silent_at = asked_at
            raise Unavailable("catalog did not answer in time") from None
        if lent.lease:
            length = max(lent.lease.expires_in, LAST_LEASES_END.total_seconds())
            self._arrive_by = asked_at + lent.lease.expires_in + length
        return lent

    async def _asked(self, request: GrantRequest, longest: float) -> Lent:
        await self._clock.sleep(self._random.uniform(0, longest))
        lent = await self._desk.lend(request)
        await self._clock.sleep(self._random.uniform(0, self._delays.answering))
        return lent


async def simulated(limit: Limit, delays: Sequence[Delays], random: Random) -> Clover:
    """Let processes with these delays call; return what Clover saw. Shares end soon, so that much happens."""
    clock, clover = FakeClock(), Clover()
    desk = Desk(clock, limit, longest=6.0)
    running = [asyncio.create_task(Late(desk, clover, each, random).run()) for each in delays]
    await clock.pass_time(SECONDS)
    for each in running:
        each.cancel()
    await asyncio.wait(running)
    return clover


delays = st.builds(
    Delays,
    asking=st.sampled_from([0.01, 1.0]),
    answering=st.sampled_from([0.01, 1.8]),
    calling=st.sampled_from([0.02, 0.02, 2.0]),
    staying=st.sampled_from([0.02, 3.0]),
)
FAST, SLOW = Delays(0.01, 0.01, 0.02, 0.02), Delays(1.0, 1.8, 0.02, 0.02)


@given(st.sampled_from(SMALL), st.lists(delays, min_size=2, max_size=5), st.integers(0, 2**32))
@example(SMALL[0], [SLOW, FAST], 0)
@settings(max_examples=15)
async def test_the_limit_is_never_passed(limit: Limit, delays: Sequence[Delays], seed: int) -> None:
    """Shares grow, shrink, end and are lent on, while anything may be late."""
    clover = await simulated(limit, delays, Random(seed))
    assert clover.most_in_a_second() <= limit.rate
    assert clover.most_in_flight <= limit.concurrency


async def test_nine_busy_processes_use_the_limit() -> None:
    """Of calls that take 20 to 100 ms, Clover receives nine tenths of what it allows, and never more than that."""
    busy = Delays(0.02, 0.02, 0.0, 0.1, strays=1_000_000, pauses=(0.0,), begins=1.0, visits=(1,))
    clover = await simulated(APP, 9 * [busy], Random(1))
    used = sum(at >= BUSY_FROM for at in clover.arrived) / (SECONDS - BUSY_FROM)
    assert used >= 0.9 * APP.rate
    assert clover.most_in_a_second() <= APP.rate
    assert clover.most_in_flight <= APP.concurrency
