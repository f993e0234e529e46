"""From when changes are read next, and when all items are read."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.domain.items import Item, ItemFields
from catalog.domain.mirror import OVERLAP, is_sweep_due, seen_until

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
HOUR = timedelta(hours=1)
LATEST = 2400
"""Milliseconds after which an item is listed, and by which Clover's Date may go ahead of its modifiedTime."""


def item(modified_at: int) -> Item:
    return Item("ITEM000000001", ItemFields("Mug", "MUG", 100, hidden=False), modified_at=modified_at)


def test_changes_are_read_from_clovers_own_time() -> None:
    """However long ago the newest item was modified."""
    assert seen_until([item(NOW_MS - 86_400_000)], NOW_MS, NOW) == NOW_MS - OVERLAP
    assert seen_until([], NOW_MS, NOW) == NOW_MS - OVERLAP


@pytest.mark.parametrize("as_of", [None, NOW_MS + 3_600_001])
def test_changes_are_read_from_the_newest_item_without_a_credible_time(as_of: int | None) -> None:
    """A time in the far future would skip all changes until then."""
    assert seen_until([item(NOW_MS - 9000), item(NOW_MS - 7000)], as_of, NOW) == NOW_MS - 7000 - OVERLAP
    assert seen_until([], as_of, NOW) == -OVERLAP


times = st.integers(0, 16).map(lambda half: 500 * half + 1)
latest = st.sampled_from([0, LATEST])
ahead = st.sampled_from([-5000, 0, LATEST])
read = st.tuples(times, st.sampled_from([0, 2500]), st.sampled_from([0.0, 1.0]), ahead, st.booleans())


@settings(max_examples=500)
@given(st.lists(st.tuples(times, latest), min_size=1, max_size=8), st.lists(read, max_size=5).map(sorted))
def test_no_change_is_missed(changes: list[tuple[int, int]], reads: list[tuple[int, int, float, int, bool]]) -> None:
    """Items are listed late, answers take long, clocks differ and go by whole seconds, and a Date may be missing."""
    changes_from, seen = 0, set()
    end = (60_000, 0, 0.0, 0, True)
    for sent_at, lasts, part, ahead, has_date in [*reads, end]:
        looked_at = sent_at + int(lasts * part)
        listed = {(at, late) for at, late in changes if at + late <= looked_at and at // 1000 * 1000 >= changes_from}
        seen |= listed
        answered_at = (sent_at + lasts + ahead) // 1000 * 1000
        shown = [item(at // 1000 * 1000) for at, _ in listed]
        as_of = answered_at - lasts if has_date else None
        changes_from = max(changes_from, seen_until(shown, as_of, NOW))
    assert seen == set(changes)


def test_all_items_are_read_at_first_and_now_and_then() -> None:
    """In between a large catalogue is compared by its changes."""
    assert is_sweep_due(None, NOW, HOUR)
    assert not is_sweep_due(NOW - HOUR / 2, NOW, HOUR)
    assert is_sweep_due(NOW - HOUR, NOW, HOUR)
