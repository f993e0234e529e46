"""The starts of calls: at their rate, and within it in any second, even after stalls."""

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from common.clover.schedule import Schedule

CATCH_UP = 0.05


def starts(schedule: Schedule, rate: float, lateness: list[float]) -> list[float]:
    """Start a call whenever one may, each this much later than that."""
    started = [100.0]
    schedule.start(rate, started[0])
    for late in lateness:
        started.append(max(schedule.next_at(rate), started[-1]) + late)
        schedule.start(rate, started[-1])
    return started


@given(
    rate=st.floats(0.5, 50),
    lateness=st.lists(st.one_of(st.just(0.0), st.floats(0, 0.02), st.floats(0, 3)), max_size=200),
)
def test_no_second_has_more_calls_than_the_rate(rate: float, lateness: list[float]) -> None:
    """However late the calls start, those of any second are as many as the rate, rounded up."""
    started = starts(Schedule(CATCH_UP, most_in_a_second=True), rate, lateness)
    for first, at in enumerate(started):
        assert sum(at <= each < at + 1 for each in started[first:]) <= ceil(rate)


@given(rate=st.floats(1, 50), lateness=st.lists(st.floats(0, 0.005), min_size=50, max_size=200))
def test_late_wake_ups_cost_nearly_nothing(rate: float, lateness: list[float]) -> None:
    """A process wakes up some milliseconds late each time, and still has its rate."""
    started = starts(Schedule(CATCH_UP, most_in_a_second=True), rate, lateness)
    assert (started[-1] - started[0]) <= len(lateness) / rate * 1.01 + 2 * CATCH_UP
