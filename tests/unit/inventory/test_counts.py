"""How absolute counts change the level and the ledger."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.inventory.values import NOW, level, quantities

from inventory.domain.adjustments import AdjustmentRequest, adjust
from inventory.domain.counts import apply_clover_count, set_count
from inventory.domain.ledger import Source


def test_a_till_sale_becomes_a_movement_with_before_and_after() -> None:
    """A lower count in Clover becomes one line of the ledger."""
    change = apply_clover_count(level(9000, 9000), 7500, NOW)

    assert change.movement is not None
    assert (change.movement.delta, change.movement.before, change.movement.after) == (-1500, 9000, 7500)
    assert change.movement.source is Source.CLOVER
    assert (change.level.on_hand, change.level.shadow) == (7500, 7500)


@given(on_hand=quantities, shadow=quantities)
def test_an_echo_of_our_own_write_changes_nothing(on_hand: int, shadow: int) -> None:
    """A count that is already accounted for changes neither the ledger nor the level."""
    before = level(on_hand, shadow)

    assert apply_clover_count(before, shadow, NOW) == apply_clover_count(before, None, NOW)
    assert apply_clover_count(before, shadow, NOW).level == before


def test_never_counted_is_not_zero() -> None:
    """An item without a count stays without one; a first count of 0 is a movement."""
    unknown = level(None, None)

    assert apply_clover_count(unknown, None, NOW).level.on_hand is None
    counted = apply_clover_count(unknown, 0, NOW)
    assert (counted.level.on_hand, counted.movement is not None) == (0, True)


def test_a_count_removed_in_clover_changes_nothing() -> None:
    """An item that Clover no longer counts keeps our number, and its next count moves it by the difference."""
    kept = apply_clover_count(level(5000, 5000), None, NOW).level

    assert kept.on_hand == 5000
    assert apply_clover_count(kept, 3000, NOW).level.on_hand == 3000


def test_setting_a_count_moves_the_level_to_that_number() -> None:
    """Setting 4 where 6 were takes 2 away; setting the same count again records no movement."""
    change = set_count(level(6000, 6000), 4000, NOW)

    assert change.movement is not None
    assert change.movement.delta == -2000
    assert set_count(change.level, 4000, NOW).movement is None


@pytest.mark.parametrize("before", [0, 10_000])
@given(first=st.integers(-100_000, 100_000))
def test_a_count_set_before_clover_showed_one_stays(before: int, first: int) -> None:
    """Clover's first count is not added to a count set here; later adjustments still apply."""
    adjusted = adjust(level(None, None), AdjustmentRequest("a", "SKU-1", None, before, "delivery"), NOW).level
    counted = set_count(adjusted, 10_000, NOW).level
    sold = adjust(counted, AdjustmentRequest("b", "SKU-1", None, -3000, "web sale"), NOW).level
    seen = apply_clover_count(sold, first, NOW)

    assert (seen.level.on_hand, seen.level.shadow, seen.movement) == (7000, first, None)
    assert apply_clover_count(seen.level, first - 1000, NOW).level.on_hand == 6000
