"""Calls that last longer than the share under which they were started."""

import asyncio
from collections.abc import Iterable, Sequence
from random import Random

import pytest
from tests.support.clock import FakeClock
from tests.support.lending import APP, TOKEN, Desk, Process

from common.db.unit import Priority

MERCHANTS = [f"MRCHNT{number:07}" for number in range(40)]
HANGS = 60.0


async def keep_calling(process: Process, merchants: Sequence[str], calls: int) -> None:
    """Call for one of these merchants after another, this many times at once for each."""
    while True:
        for each in merchants:
            await process.try_to_visit(each, calls)


async def in_flight(processes: Iterable[Process], clock: FakeClock, seconds: int) -> int:
    """Return the most calls in flight at any moment of this time."""
    most = 0
    for _ in range(10 * seconds):
        await clock.pass_time(0.1)
        most = max(most, sum(each.in_flight for each in processes))
    return most


@pytest.mark.parametrize("others", [1, 3, 12])
async def test_calls_that_hang_keep_their_places_of_the_app(others: int) -> None:
    """However many processes come after one whose calls hang, Clover has no more in flight than it allows."""
    clock = FakeClock()
    desk = Desk(clock)
    first = Process(desk, "orders", HANGS)
    processes = [first, *(Process(desk, "inventory", HANGS) for _ in range(others))]
    visits = [asyncio.create_task(first.try_to_visit(each, 1)) for each in MERCHANTS[:12]]
    assert 7 <= await in_flight(processes, clock, 10) <= APP.concurrency
    for number, process in enumerate(processes[1:]):
        visits.append(asyncio.create_task(keep_calling(process, MERCHANTS[12 + number :: 12], 1)))
    assert await in_flight(processes, clock, 45) <= APP.concurrency
    for each in visits:
        each.cancel()


async def test_calls_that_hang_keep_their_places_of_the_merchant() -> None:
    """Eight services call for one merchant, and all hang; the merchant has five calls in flight at most."""
    clock = FakeClock()
    desk = Desk(clock)
    processes = [Process(desk, service, HANGS) for service in "abcdefgh"]
    visits = [asyncio.create_task(processes[0].try_to_visit(MERCHANTS[0], 6))]
    assert 2 <= await in_flight(processes, clock, 5) <= TOKEN.concurrency
    visits += [asyncio.create_task(keep_calling(each, MERCHANTS[:1], 6)) for each in processes[1:]]
    assert await in_flight(processes, clock, 45) <= TOKEN.concurrency
    for each in visits:
        each.cancel()


async def test_nobody_is_starved_by_long_calls() -> None:
    """Fifteen processes with calls of ten seconds each take turns."""
    clock, random = FakeClock(), Random(1)
    desk = Desk(clock)
    processes = [Process(desk, "orders", random.uniform(5, 15)) for _ in range(15)]
    visits = [
        asyncio.create_task(keep_calling(each, [merchant], 1))
        for each, merchant in zip(processes, MERCHANTS, strict=False)
    ]
    assert await in_flight(processes, clock, 240) <= APP.concurrency
    assert all(each.called_at and each.called_at[-1] > 120 for each in processes)
    for each in visits:
        each.cancel()


async def test_renewals_end_with_the_calls() -> None:
    """An idle process asks for nothing."""
    clock = FakeClock()
    desk = Desk(clock)
    process = Process(desk, "orders", 30.0)
    visit = asyncio.create_task(process.visit(MERCHANTS[0], priority=Priority.LIVE))
    await clock.pass_time(31)
    assert visit.done()
    asked = len(desk.asked)
    assert asked > 4
    await clock.pass_time(60)
    assert len(desk.asked) == asked


async def test_a_short_call_costs_no_renewal() -> None:
    """A call in the last moment of its grant is over before it is renewed."""
    clock = FakeClock()
    desk = Desk(clock)
    process = Process(desk, "orders", 0.04)
    process.budget.expect(MERCHANTS[1:2])
    visit = asyncio.create_task(process.visit(MERCHANTS[0]))
    await clock.pass_time(19.9)
    assert visit.done()
    asked = len(desk.asked)
    expected = asyncio.create_task(process.visit(MERCHANTS[1]))
    await clock.pass_time(1)
    assert expected.done()
    assert not [each for request in desk.asked[asked:] for each in request.merchants]
