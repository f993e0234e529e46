"""The pace of calls for one merchant, on a clock that tests move."""

import asyncio
from contextlib import nullcontext, suppress
from datetime import timedelta
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import FakeClock, breathe

from common.clover.pace import CATCH_UP_SECONDS, LEAST_SHARE, LONGEST_UNASKED, Pace
from common.errors import Throttled


class SleeplessClock(FakeClock):
    """A clock that each sleep advances at once, and by `late` seconds too far."""

    late = 0.0

    async def sleep(self, seconds: float) -> None:
        self.advance(ceil((seconds + self.late) * 1e6) / 1e6)  # a timedelta has whole microseconds
        await asyncio.sleep(0)


class Paced:
    """A rate limiter whose sleeps advance its clock."""

    def throttled(self, sent_at: float, retry_after: timedelta | None = None) -> None:
        with suppress(Throttled), self.pace.learn(sent_at):
            raise Throttled(retry_after=retry_after)

    def succeeded(self) -> None:
        with self.pace.learn(0):
            pass

    def __init__(self, rate: float = 10, concurrency: int = 5) -> None:
        self.clock = SleeplessClock()
        self.pace = Pace(self.clock)
        self.pace.limit(rate, concurrency)
        self.went: list[float] = []

    async def call(self, until: asyncio.Event | None = None) -> None:
        async with self.pace.permit(nullcontext()) as (went, _):
            self.went.append(went)
            if until is not None:
                await until.wait()


@given(rate=st.floats(0.5, 50), pauses=st.lists(st.floats(0, 3), min_size=2, max_size=30))
async def test_calls_are_never_closer_than_the_rate_allows(rate: float, pauses: list[float]) -> None:
    """An idle time gives no credit for a burst."""
    paced = Paced(rate)
    for pause in pauses:
        paced.clock.advance(pause)
        await paced.call()

    assert len(paced.went) == len(pauses)
    assert all(later - earlier >= 1 / rate - 2e-6 for earlier, later in pairwise(paced.went))


@given(rate=st.floats(0.5, 50), late=st.lists(st.floats(0, 0.5), min_size=2, max_size=30))
async def test_late_calls_never_come_in_a_burst(rate: float, late: list[float]) -> None:
    """However late a busy process starts its calls, any number of them takes its time, less the little caught up."""
    paced = Paced(rate)
    for each in late:
        paced.clock.late = each
        await paced.call()

    assert len(paced.went) == len(late)
    for first, began in enumerate(paced.went):
        for number, each in enumerate(paced.went[first:]):
            assert each - began >= number / rate - CATCH_UP_SECONDS - 1e-5


async def test_a_call_that_starts_late_does_not_delay_the_next() -> None:
    """A process that wakes up ten milliseconds late each time makes as many calls as granted."""
    paced = Paced(rate=10)
    paced.clock.late = 0.01
    for _ in range(11):
        await paced.call()

    assert paced.went[-1] == pytest.approx(1.01, abs=1e-4)


async def test_following_call_starts_at_once_and_later_calls_wait_for_it() -> None:
    """The second call of a pair starts without a delay although others wait; these start later by its turn."""
    paced = Paced(rate=10)
    async with paced.pace.permit(nullcontext()) as (first, _):
        others = [asyncio.create_task(paced.call()) for _ in range(2)]
        second = await paced.pace.follow()
    await asyncio.gather(*others)

    assert (first, second) == (0.0, 0.0)
    assert paced.went == pytest.approx([0.2, 0.3], abs=1e-4)


async def test_following_call_needs_no_place_of_its_own() -> None:
    """With one place in flight a pair does not wait for itself, and the next call waits for the whole pair."""
    paced = Paced(rate=10, concurrency=1)
    async with paced.pace.permit(nullcontext()):
        other = asyncio.create_task(paced.call())
        await breathe()
        paced.clock.advance(5)
        await paced.pace.follow()
        assert paced.went == []
    await other

    assert len(paced.went) == 1


async def test_following_call_waits_for_a_pause() -> None:
    """A 429 between the calls of a pair pauses its second call too."""
    paced = Paced(rate=10)
    async with paced.pace.permit(nullcontext()) as (first, _):
        paced.throttled(first, timedelta(seconds=3))
        assert await paced.pace.follow() == pytest.approx(3)


@given(
    rate=st.floats(1, 50),
    concurrency=st.integers(1, 5),
    latencies=st.lists(st.tuples(st.booleans(), st.floats(0, 2)), min_size=1, max_size=30),
)
async def test_pairs_keep_the_rate_and_the_places(
    rate: float, concurrency: int, latencies: list[tuple[bool, float]]
) -> None:
    """With any mix of single calls and pairs, n calls take n - 1 turns, less the pairs in flight at the end."""
    clock = FakeClock()
    pace = Pace(clock)
    pace.limit(rate, concurrency)
    starts: list[float] = []
    in_flight, most = 0, 0

    async def call(*, is_pair: bool, seconds: float) -> None:
        nonlocal in_flight, most
        async with pace.permit(nullcontext()) as (sent_at, _):
            in_flight += 1
            most = max(most, in_flight)
            starts.append(sent_at)
            await clock.sleep(seconds)
            if is_pair:
                starts.append(await pace.follow())
                await clock.sleep(seconds)
            in_flight -= 1

    calls = [asyncio.create_task(call(is_pair=pair, seconds=seconds)) for pair, seconds in latencies]
    while not all(each.done() for each in calls):
        await breathe()
        clock.advance(0.05)

    assert most <= concurrency
    starts.sort()
    for first, began in enumerate(starts):
        # any second of time holds at most the calls of its rate, and those that pairs in flight bring forward
        assert sum(began <= each < began + 1 for each in starts[first:]) <= rate + 1 + 2 * concurrency


async def test_concurrent_calls_are_spaced() -> None:
    """Calls that arrive together are spaced in the order of their arrival."""
    paced = Paced(rate=10)
    await asyncio.gather(*(paced.call() for _ in range(5)))

    assert paced.went == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=1e-4)


async def test_concurrency_is_bounded() -> None:
    """A call waits for room, and starts when another one ends."""
    paced, end = Paced(rate=1000, concurrency=2), asyncio.Event()
    calls = [asyncio.create_task(paced.call(end)) for _ in range(3)]
    await breathe()
    in_flight = len(paced.went)
    end.set()
    await asyncio.gather(*calls)

    assert (in_flight, len(paced.went)) == (2, 3)


async def test_new_grant_gives_no_burst() -> None:
    """The rate limiter outlives the grant, so setting its limits again does not let a call start early."""
    paced = Paced(rate=2)
    await paced.call()
    paced.pace.limit(2, 5)
    await paced.call()

    assert paced.went == pytest.approx([0, 0.5], abs=1e-4)


@pytest.mark.parametrize(("retry_after", "rests"), [(None, 1), (timedelta(seconds=3), 3), (timedelta(0), 0.1)])
async def test_all_calls_pause_after_a_429(retry_after: timedelta | None, rests: float) -> None:
    """All calls wait for the Retry-After, or for a second without one, and continue at half the rate."""
    paced = Paced(rate=10)
    async with paced.pace.permit(nullcontext()) as (went, _):
        paced.throttled(went, retry_after)
    await paced.call()
    await paced.call()

    assert paced.went == pytest.approx([rests, rests + 0.2], abs=1e-4)


async def test_concurrent_429s_halve_the_rate_once() -> None:
    """Several 429s to calls that ran together count as one."""
    paced = Paced(rate=10)
    paced.throttled(0, None)
    paced.throttled(-0.1, None)

    assert paced.pace.rate == 5


async def test_pauses_grow_with_429s_in_a_row() -> None:
    """Without Retry-After each pause is twice as long, up to a bound; a success begins again."""
    paced, pauses = Paced(), list[timedelta | None]()
    for _ in range(6):
        with pytest.raises(Throttled) as raised, paced.pace.learn(paced.clock.monotonic()):
            raise Throttled
        pauses.append(raised.value.retry_after)
        paced.clock.advance(LONGEST_UNASKED)
    paced.succeeded()
    with pytest.raises(Throttled) as again, paced.pace.learn(paced.clock.monotonic()):
        raise Throttled

    assert pauses == [timedelta(seconds=each) for each in (1, 2, 4, 8, 8, 8)]
    assert again.value.retry_after == timedelta(seconds=1)


async def test_a_429_is_raised_with_the_time_left() -> None:
    """The work of the call then waits for the pause, instead of backing off on its own."""
    paced = Paced()
    with pytest.raises(Throttled) as raised, paced.pace.learn(0):
        raise Throttled

    assert raised.value.retry_after == timedelta(seconds=1)


async def test_rate_has_a_lower_bound() -> None:
    """After many 429s some calls still start."""
    paced = Paced(rate=16)
    for _ in range(50):
        paced.clock.advance(1)
        paced.throttled(paced.clock.monotonic(), None)

    assert paced.pace.rate == 16 * LEAST_SHARE


@pytest.mark.parametrize(("granted", "least"), [(14, 1), (2, 1), (0.5, 0.5)])
async def test_calls_are_not_seconds_apart_after_many_429s(granted: float, least: float) -> None:
    """A call a second is left of any grant, so that the next order of single calls is soon in Clover."""
    paced = Paced(rate=granted)
    for _ in range(8):
        paced.throttled(paced.clock.monotonic())
        paced.clock.advance(LONGEST_UNASKED)
    await paced.call()
    await paced.call()

    assert paced.went[1] - paced.went[0] == pytest.approx(1 / least, abs=1e-4)


async def test_a_grant_for_single_calls_after_429s_of_a_greater_one() -> None:
    """The lower bound holds for the grant of the moment."""
    paced = Paced(rate=14)
    for _ in range(8):
        paced.throttled(paced.clock.monotonic())
        paced.clock.advance(LONGEST_UNASKED)
    paced.pace.limit(2, 1)

    assert paced.pace.rate == 1


async def test_successful_calls_restore_the_rate() -> None:
    """Each success restores a hundredth of the granted rate, up to the grant."""
    paced = Paced(rate=10)
    paced.throttled(0, None)
    paced.succeeded()
    after_one = paced.pace.rate
    for _ in range(200):
        paced.succeeded()

    assert after_one == pytest.approx(5.1)
    assert paced.pace.rate == 10


async def test_long_pause_raises_throttled() -> None:
    """When Clover asks for more than five seconds, callers get Throttled, so that no grant is held idle."""
    paced = Paced()
    paced.throttled(0, timedelta(seconds=21))
    with pytest.raises(Throttled) as raised:
        await paced.call()

    assert raised.value.retry_after == timedelta(seconds=21)


async def test_cancelled_call_leaves_its_place() -> None:
    """A call that is cancelled while it waits does not block those behind it."""
    paced, end = Paced(rate=1000, concurrency=1), asyncio.Event()
    first, second, third = (asyncio.create_task(paced.call(end)) for _ in range(3))
    await breathe()
    second.cancel()
    end.set()
    await asyncio.gather(first, third)

    assert len(paced.went) == 2
