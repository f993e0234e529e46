"""How long a token lasts by our clock, which may differ from the clock of Clover that issued it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.oauth import CREDIBLE, LONGEST_LIFE, SOONEST, by_our_clock, refresh_time

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MAX = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
NEARLY = CREDIBLE - timedelta(seconds=1)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@given(ahead=st.timedeltas(-NEARLY, NEARLY), life=st.timedeltas(timedelta(0), timedelta(days=30)))
def test_the_life_of_a_token_counts_by_the_clock_of_its_issuer(ahead: timedelta, life: timedelta) -> None:
    """However far Clover's clock is ahead of ours, or behind it, the token lasts as long as Clover says."""
    issued_at = NOW + ahead
    expires_at = by_our_clock(issued_at + life, milliseconds(issued_at), NOW)
    assert abs(expires_at - (NOW + life)) <= timedelta(milliseconds=2)


def test_a_date_that_is_no_clock_changes_nothing() -> None:
    """The Date of a stored answer, or none."""
    expires_at = NOW + timedelta(minutes=30)
    assert by_our_clock(expires_at, milliseconds(NOW - timedelta(days=2)), NOW) == expires_at
    assert by_our_clock(expires_at, None, NOW) == expires_at


def test_a_token_without_an_end_is_refreshed_all_the_same() -> None:
    """The last second that a date can name is not passed when the clocks are compared."""
    expires_at = by_our_clock(MAX, milliseconds(NOW - timedelta(hours=1)), NOW)
    assert expires_at <= NOW + LONGEST_LIFE + timedelta(hours=1)


@given(left=st.timedeltas(-CREDIBLE, timedelta(days=30)), draw=st.floats(0, 1))
def test_a_refresh_follows_after_a_pause_and_before_the_end(left: timedelta, draw: float) -> None:
    """A token that is over when it is issued is not refreshed again and again without a pause."""
    pause = refresh_time(NOW, NOW + left, draw) - NOW
    assert SOONEST <= pause <= max(left * 0.8 + timedelta(milliseconds=1), SOONEST)
