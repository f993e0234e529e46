"""The share of one process: never above its lease, live calls first, background work within its part."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clock import FakeClock, breathe

from common.clover.call_budget import CallBudget
from common.clover.grants import InUse, Lease, Want
from common.db.unit import Priority
from common.errors import Throttled, Unavailable

LEASE = Lease(rate=10, background_rate=8, concurrency=2, renew_in=10, expires_in=15)


@dataclass
class Leases:
    """Answers with the given leases in turn, and with the last one from then on; an error is raised."""

    answers: Sequence[Lease | Exception] = (LEASE,)
    asked: list[Want] = field(default_factory=list)
    along: Lease | None = None
    reported: InUse = field(default_factory=InUse)

    def expect(self, merchant_ids: list[str]) -> None:
        raise NotImplementedError

    def report(self, in_use: InUse) -> None:
        self.reported = in_use

    def renewed(self, want: Want) -> Lease | None:
        del want
        along, self.along = self.along, None
        return along

    async def lease(self, want: Want) -> Lease:
        self.asked.append(want)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Calls:
    """Makes calls of a fixed duration and records when each started."""

    budget: CallBudget
    clock: FakeClock
    seconds: float = 0.0
    started: list[tuple[float, Priority]] = field(default_factory=list)
    in_flight: int = 0
    most: int = 0

    async def call(self, priority: Priority = Priority.BULK) -> None:
        async with self.budget.permit(priority):
            self.started.append((self.clock.monotonic(), priority))
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
            try:
                await self.clock.sleep(self.seconds)
            finally:
                self.in_flight -= 1

    async def pair(self) -> None:
        async with self.budget.permit(Priority.LIVE, calls=2) as follow:
            self.started.append((self.clock.monotonic(), Priority.LIVE))
            await follow()
            self.started.append((self.clock.monotonic(), Priority.LIVE))


def calls(leases: Leases, seconds: float = 0.0) -> Calls:
    clock = FakeClock()
    return Calls(CallBudget(leases, clock), clock, seconds)


async def test_background_work_uses_its_part_and_no_more() -> None:
    """Eight of ten calls a second, evenly spaced, however many wait."""
    some = calls(Leases())
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(some.call()) for _ in range(100)]
        await some.clock.pass_time(5)
        assert 5 * 8 <= len(some.started) <= 5 * 8 + 3
        for each in waiting:
            each.cancel()


async def test_a_live_call_overtakes_all_that_waits() -> None:
    """It starts within one interval of the whole rate."""
    some = calls(Leases())
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(some.call()) for _ in range(50)]
        await some.clock.pass_time(1)
        asked_at = some.clock.monotonic()
        live = group.create_task(some.call(Priority.LIVE))
        await some.clock.pass_time(0.2)
        assert live.done()
        [started] = [at for at, priority in some.started if priority is Priority.LIVE]
        assert started - asked_at <= 1 / LEASE.rate + 0.002
        for each in waiting:
            each.cancel()


async def test_urgent_calls_without_end_leave_every_fifth_call_to_background_work() -> None:
    """The merchant of a background turn is not kept for ever while other merchants use all calls."""
    some = calls(Leases())
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(some.call(Priority.LIVE)) for _ in range(100)]
        waiting += [group.create_task(some.call()) for _ in range(20)]
        await some.clock.pass_time(4.95)
        started = [priority for _, priority in some.started]
        assert started.count(Priority.BULK) == len(started) // 5 > 5
        for each in waiting:
            each.cancel()


@given(st.lists(st.floats(0.1, 2.5), min_size=1, max_size=3))
@settings(deadline=None, max_examples=10)
async def test_a_stall_is_followed_by_no_burst(stalls: list[float]) -> None:
    """When a process stands still for a moment, its calls of any second are still within the rate."""
    some = calls(Leases([replace(LEASE, concurrency=100)]))
    waiting = [asyncio.create_task(some.call(Priority.LIVE)) for _ in range(100)]
    waiting += [asyncio.create_task(some.call()) for _ in range(20)]
    for stall in stalls:
        some.clock.advance(stall)
        for _ in range(110):
            await breathe()
            some.clock.advance(0.01)
    for each in waiting:
        each.cancel()
    started = [at for at, _ in some.started]
    assert len(started) > LEASE.rate
    assert all(sum(at <= each < at + 1 for each in started) <= LEASE.rate for at in started)


async def test_slow_background_calls_leave_a_place_for_a_live_one() -> None:
    """Otherwise a sale would wait for the answer to a page of a sweep."""
    some = calls(Leases(), seconds=30)
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(some.call()) for _ in range(5)]
        await some.clock.pass_time(1)
        assert some.in_flight == 1
        waiting.append(group.create_task(some.call(Priority.LIVE)))
        waiting.append(group.create_task(some.call(Priority.LIVE)))
        await some.clock.pass_time(1)
        assert some.in_flight == LEASE.concurrency
        for each in waiting:
            each.cancel()


async def test_the_lease_is_renewed_while_all_calls_in_flight_take_long() -> None:
    """Otherwise it would end, and another process would make as many calls beside those."""
    leases = Leases([Lease(rate=100, background_rate=80, concurrency=2, renew_in=0.1, expires_in=0.2)])
    some = calls(leases, seconds=30)
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(some.call(Priority.LIVE)) for _ in range(3)]
        await some.clock.pass_time(0.1)
        asked = len(leases.asked)
        await some.clock.pass_time(1)
        assert 9 <= len(leases.asked) - asked <= 11
        assert some.in_flight == 2
        for each in waiting:
            each.cancel()


async def test_more_is_asked_for_when_calls_wait() -> None:
    """A process starts with little, so that an idle one keeps nothing from the others."""
    little = Lease(rate=1, background_rate=0.8, concurrency=1, renew_in=10, expires_in=15)
    leases = Leases([little, LEASE])
    some = calls(leases)
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(some.call()) for _ in range(20)]
        await some.clock.pass_time(0.01)
        assert leases.asked == [Want.LITTLE, Want.ALL]
        await some.clock.pass_time(1)
        assert len(some.started) >= 8
        for each in waiting:
            each.cancel()


async def test_the_first_two_calls_after_a_pause_wait_for_nothing() -> None:
    """They are as many as the lease of an idle process has in a second."""
    some = calls(Leases([replace(LEASE, rate=2, background_rate=1.6, concurrency=1)]))
    for visit in range(1, 4):
        async with asyncio.TaskGroup() as group:
            group.create_task(some.call(Priority.LIVE))
            group.create_task(some.call(Priority.LIVE))
            await some.clock.pass_time(0.01)
            assert len(some.started) == 2 * visit
            await some.clock.pass_time(5)


async def test_a_process_that_calls_often_keeps_its_calls() -> None:
    """None of its calls waits, because it has enough; with the lease of an idle process they would."""
    leases = Leases([replace(LEASE, renew_in=1)])
    some = calls(leases)
    for _ in range(60):
        await some.call(Priority.LIVE)
        some.clock.advance(0.25)
    assert set(leases.asked[2:]) == {Want.ALL}


async def test_more_is_asked_for_after_a_small_lease_came_along() -> None:
    """It was asked for while no call waited."""
    leases = Leases([LEASE])
    some = calls(leases)
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(some.call()) for _ in range(5)]
        await some.clock.pass_time(5)
        assert all(each.done() for each in waiting)
    leases.along, leases.asked = replace(LEASE, rate=1, background_rate=1), []
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(some.call()) for _ in range(5)]
        await some.clock.pass_time(2)
        assert leases.asked == [Want.ALL]
        assert all(each.done() for each in waiting)


async def test_calls_go_on_while_the_lease_is_renewed_and_when_that_fails() -> None:
    """A lease that was not renewed is good until its end; then catalog's refusal reaches the caller."""
    some = calls(Leases([LEASE, Unavailable("away")]))
    await some.call()
    some.clock.advance(LEASE.renew_in)
    await some.call()
    await breathe()
    some.clock.advance(LEASE.expires_in - LEASE.renew_in)
    with pytest.raises(Unavailable):
        await some.call()


async def test_a_lease_that_came_along_with_grants_is_used_at_once() -> None:
    """Catalog counts it instead of the one of before; the time of its renewal is its own."""
    leases = Leases([LEASE, Unavailable("away")])
    some = calls(leases)
    await some.call()
    some.clock.advance(LEASE.renew_in - 0.01)
    leases.along = replace(LEASE, rate=1)
    await some.call()
    some.clock.advance(LEASE.renew_in - 1)
    await some.call()
    await breathe()
    assert len(leases.asked) == 1
    async with asyncio.TaskGroup() as group:
        group.create_task(some.call())
        await some.clock.pass_time(0.9)
        assert len(some.started) == 3
        await some.clock.pass_time(0.2)


async def test_a_refused_lease_throttles_the_caller() -> None:
    """The merchant cools down instead of waiting in line for ever."""
    some = calls(Leases([Throttled("taken")]))
    with pytest.raises(Throttled):
        await some.call()


async def test_a_call_that_follows_is_counted() -> None:
    """A read and its write follow at once; a call after them waits until neither is counted."""
    some = calls(Leases([replace(LEASE, rate=2)]))
    await some.pair()
    async with asyncio.TaskGroup() as group:
        group.create_task(some.call(Priority.LIVE))
        await some.clock.pass_time(0.9)
        assert [round(at, 3) for at, _ in some.started] == [0, 0]
        await some.clock.pass_time(0.2)
    assert len(some.started) == 3


async def test_calls_that_follow_are_as_far_apart_as_a_small_lease_demands() -> None:
    """With one call a second, the write comes a second after its read."""
    some = calls(Leases([replace(LEASE, rate=1)]))
    async with asyncio.TaskGroup() as group:
        group.create_task(some.pair())
        await some.clock.pass_time(0.9)
        assert len(some.started) == 1
        await some.clock.pass_time(0.2)
    assert len(some.started) == 2


async def test_what_may_be_in_use_is_reported() -> None:
    """All of a lease that is good, and then the calls that Clover may still count."""
    leases = Leases([replace(LEASE, rate=3, renew_in=0.6, expires_in=0.5)])
    some = calls(leases, seconds=2)
    async with asyncio.TaskGroup() as group:
        group.create_task(some.call(Priority.LIVE))
        await some.clock.pass_time(0.1)
        assert leases.reported == InUse(calls=3, in_flight=2)
        leases.answers = [Unavailable("away")]
        await some.clock.pass_time(1)
        assert leases.reported == InUse(calls=1, in_flight=1)
        await some.clock.pass_time(1)
    assert leases.reported == InUse(calls=1, in_flight=0)


async def test_calls_held_on_their_way_do_not_meet_later_ones() -> None:
    """A call may reach Clover just before its answer; those of the second after that count beside it."""
    some = calls(Leases([replace(LEASE, rate=2, background_rate=2)]), seconds=3)
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(some.call(Priority.LIVE))
        await some.clock.pass_time(8.5)
    first, second, third, fourth = (round(at, 1) for at, _ in some.started)
    assert third - first >= 3 + 1
    assert fourth - second >= 3 + 1


async def test_calls_that_follow_fit_in_before_the_first_starts() -> None:
    """A reservation of two waits while only one more call may reach Clover in this second."""
    some = calls(Leases([replace(LEASE, rate=3, background_rate=3)]))
    for _ in range(2):
        async with asyncio.TaskGroup() as group:
            group.create_task(some.call(Priority.LIVE))
            await some.clock.pass_time(0.35)
    first = some.started[0][0]
    async with asyncio.TaskGroup() as group:
        pair = group.create_task(some.pair())
        await some.clock.pass_time(0.2)
        assert not pair.done()
        await some.clock.pass_time(1)
        assert pair.done()
    assert some.started[-1][0] - first >= 1


async def test_a_process_without_work_gives_back_what_it_does_not_use() -> None:
    """Otherwise others would wait for the end of a share that nobody uses."""
    little = replace(LEASE, rate=2, concurrency=1)
    leases = Leases([little, LEASE, little])
    some = calls(leases, seconds=0.1)
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(some.call(Priority.LIVE))
        await some.clock.pass_time(2)
    assert leases.asked == [Want.LITTLE, Want.ALL]
    await some.clock.pass_time(1)
    assert leases.asked == [Want.LITTLE, Want.ALL, Want.LITTLE]
    await some.clock.pass_time(8)
    assert len(leases.asked) == 3
    assert leases.reported == little.in_use


async def test_a_cancelled_call_leaves_the_line() -> None:
    """A turn that was cut off keeps nobody waiting."""
    some = calls(Leases(), seconds=30)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(some.call())
        await some.clock.pass_time(0.01)
        second, third = group.create_task(some.call()), group.create_task(some.call())
        await some.clock.pass_time(0.01)
        first.cancel()
        second.cancel()
        await some.clock.pass_time(0.2)
        assert some.in_flight == 1
        third.cancel()
