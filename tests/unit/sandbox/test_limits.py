"""The four rate limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clover_sandbox.limits import Limiter, Limits, OverLimit
from clover_sandbox.switches import Switches


def limiter(limits: Limits, **modes: str) -> Limiter:
    switches = Switches()
    switches.set(modes)
    return Limiter(limits, switches)


def pass_through(limiter: Limiter, token: str, now: float) -> str | None:
    """Return the limit that refused the call, or None. An admitted call is answered at once."""
    try:
        limiter.admit(token, now)
    except OverLimit as over:
        return over.limit
    limiter.leave(token)
    return None


def test_a_token_gets_its_calls_in_any_second() -> None:
    """The window slides: a call leaves it after exactly a second."""
    tried = limiter(Limits(token=2))

    assert [pass_through(tried, "t", now) for now in (0.0, 0.9, 0.95, 1.0, 1.5)] == [None, None, "token", None, "token"]
    assert tried.over_limit["token"] == 2


def test_a_fixed_window_starts_with_the_second() -> None:
    """Two calls at the end of a second and two at the start of the next pass."""
    tried = limiter(Limits(token=2), rate_window="fixed")

    assert [pass_through(tried, "t", now) for now in (0.8, 0.9, 0.95, 1.0, 1.1, 1.2)] == [
        None,
        None,
        "token",
        None,
        None,
        "token",
    ]


def test_tokens_share_the_app_limit() -> None:
    """Each token is within its own limit, but together they exceed the app's."""
    tried = limiter(Limits(app=3))

    assert [pass_through(tried, token, 0.0) for token in "abcd"] == [None, None, None, "app"]


@pytest.mark.parametrize(("limit", "tokens"), [("token_concurrent", "aa"), ("app_concurrent", "ab")])
def test_calls_in_flight_are_limited(limit: str, tokens: str) -> None:
    """The second concurrent call is refused with the limit's name and a wait."""
    tried = limiter(Limits(0, 0, 1, 0) if limit == "app_concurrent" else Limits(0, 0, 0, 1))
    tried.admit(tokens[0], 0.0)

    with pytest.raises(OverLimit) as refused:
        tried.admit(tokens[1], 0.0)

    assert refused.value.limit == limit
    assert refused.value.headers["retry-after"] == "1"


def test_calling_early_extends_the_wait() -> None:
    """The wait is 1, 2, then 4 seconds; a call after the wait passes."""
    tried = limiter(Limits(0, 0, 0, 1))
    tried.admit("t", 0.0)
    waits = []
    for now in (0.0, 0.5, 1.0):
        with pytest.raises(OverLimit) as refused:
            tried.admit("t", now)
        waits.append(refused.value.headers["retry-after"])
    tried.leave("t")

    assert waits == ["1", "2", "4"]
    assert pass_through(tried, "t", 4.9) == "token_concurrent"
    assert pass_through(tried, "t", 30.0) is None


def test_rate_limits_name_themselves_without_a_wait() -> None:
    """Only concurrent limits send `retry-after`."""
    tried = limiter(Limits(token=1))
    tried.admit("t", 0.0)
    with pytest.raises(OverLimit) as refused:
        tried.admit("t", 0.0)

    assert refused.value.headers == {"X-RateLimit-tokenLimit": "1"}


def test_headers_can_be_absent() -> None:
    """One client recorded a bare 429; the wait still applies."""
    tried = limiter(Limits(0, 0, 0, 1), rate_headers="absent")
    tried.admit("t", 0.0)
    with pytest.raises(OverLimit) as refused:
        tried.admit("t", 0.0)
    tried.leave("t")

    assert refused.value.headers == {}
    assert [pass_through(tried, "t", now) for now in (0.5, 2.6)] == ["token_concurrent", None]


def test_peaks_are_recorded() -> None:
    """Peaks cover calls per second and in flight, for the app and the busiest token."""
    tried = limiter(Limits())
    for token in "aab":
        tried.admit(token, 0.0)

    assert tried.peaks() == {
        "app_most_in_a_second": 3,
        "app_most_in_flight": 3,
        "token_most_in_a_second": 2,
        "token_most_in_flight": 2,
    }


@pytest.mark.parametrize("values", [{"apps": 1}, {"app": -1}, {"app": True}, {"app": 1.5}])
def test_invalid_limits_are_refused(values: dict[str, int]) -> None:
    """Unknown names and fractions are invalid."""
    with pytest.raises(ValueError, match="app"):
        Limits().changed(values)


@given(st.lists(st.floats(0, 0.4), max_size=80))
def test_no_second_exceeds_the_limit(gaps: list[float]) -> None:
    """For any arrival times, admitted calls stay within the limit in every window."""
    tried, now, admitted = limiter(Limits(app=0, token=5)), 100.0, list[float]()
    for gap in gaps:
        now += gap
        if pass_through(tried, "t", now) is None:
            admitted.append(now)

    assert len(admitted) >= min(len(gaps), 5)
    assert all(sum(1 for each in admitted if start - 1.0 < each <= start) <= 5 for start in admitted)
