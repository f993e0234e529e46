"""The starts of calls: at their rate, and within Clover's limit in any second, wherever a stall holds them."""

from dataclasses import dataclass
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from common.clover.schedule import SECOND, Schedule, Window

CATCH_UP = 0.05


@dataclass(frozen=True)
class Trip:
    """A call: how late it starts, how long it is on its way, and how long its answer takes."""

    late: float
    there: float
    back: float


durations = st.one_of(st.floats(0, 0.02), st.floats(0, 3))
trips = st.lists(st.builds(Trip, durations, durations, durations), max_size=120)


def arrivals(trips: list[Trip], most: int, together: int) -> list[float]:
    """Let the calls start, this many in a row, as soon as the window allows it; return when they arrive."""
    window, now, arrived, ends = Window(), 100.0, list[float](), list[float]()
    for trip in trips:
        while (at := window.next_at(most, together)) == inf:
            now = max(now, ends[0])
            window.end(together, ends.pop(0))
        now = max(now, at) + trip.late
        while ends and ends[0] <= now:
            window.end(together, ends.pop(0))
        while (at := window.next_at(most, together)) > now:
            now = ends[0] if at == inf else at
            while ends and ends[0] <= now:
                window.end(together, ends.pop(0))
        window.start(together)
        arrived += [now + trip.there] * together
        ends = sorted([*ends, now + trip.there + trip.back])
    return sorted(arrived)


@given(trips, st.integers(1, 12), st.integers(1, 3))
def test_no_second_has_more_arrivals_than_allowed(trips: list[Trip], most: int, together: int) -> None:
    """However long the calls start late or are on their way, those that arrive in any second are bounded."""
    arrived = arrivals(trips, most, min(together, most))
    for first, at in enumerate(arrived):
        assert sum(each - at < SECOND - 1e-6 for each in arrived[first:]) <= most


def test_a_call_counts_until_a_second_after_its_end() -> None:
    """Clover may have received it just before its answer."""
    window = Window()
    window.start(1)
    assert window.next_at(1, 1) == inf
    window.end(1, 103.0)
    assert window.next_at(1, 1) == 104.0
    assert window.next_at(2, 1) == -inf


def test_calls_that_follow_one_another_fit_in_together() -> None:
    """Otherwise the second one would come on top of a full second."""
    window = Window()
    window.start(4)
    window.end(4, 103.0)
    assert window.next_at(5, 1) == -inf
    assert window.next_at(5, 2) == 104.0


@given(rate=st.floats(1, 50), lateness=st.lists(st.floats(0, 0.005), min_size=50, max_size=200))
def test_late_wake_ups_cost_nearly_nothing(rate: float, lateness: list[float]) -> None:
    """A process wakes up some milliseconds late each time, and still has its rate."""
    schedule, started = Schedule(CATCH_UP), [100.0]
    schedule.start(rate, started[0])
    for late in lateness:
        started.append(max(schedule.next_at(rate), started[-1]) + late)
        schedule.start(rate, started[-1])
    assert (started[-1] - started[0]) <= len(lateness) / rate * 1.01 + 2 * CATCH_UP


@given(rate=st.floats(0.1, 50), calls=st.integers(2, 20))
def test_two_calls_start_at_once_after_a_pause_and_the_next_at_their_rate(rate: float, calls: int) -> None:
    """A visit of two calls waits for nothing, however little its process was lent."""
    schedule, now = Schedule(catch_up=0.0), 100.0
    schedule.start(rate, now)
    assert schedule.next_at(rate) <= now + 1e-9
    for _ in range(calls):
        now = max(now, schedule.next_at(rate))
        schedule.start(rate, now)
    assert now - 100.0 >= (calls - 1) / rate - 1e-6
