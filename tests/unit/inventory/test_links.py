"""What becomes of a SKU's count when another item gets the SKU."""

import pytest
from hypothesis import given
from tests.unit.inventory.values import NOW, OTHER, level, quantities

from inventory.domain.adjustments import AdjustmentRequest, adjust
from inventory.domain.counts import apply_clover_count, set_count
from inventory.domain.levels import Level
from inventory.domain.links import hand_over


@pytest.mark.parametrize("unread", [0, None], ids=["never read", "read"])
@given(on_hand=quantities)
def test_the_count_goes_to_an_item_that_clover_does_not_count(unread: int | None, on_hand: int) -> None:
    """It arrives once Clover has shown that it counts the new item not, together with adjustments made meanwhile."""
    _, new = hand_over(level(on_hand, on_hand), Level(OTHER, "SKU-1", unread_delta=unread), NOW)
    assert (new.on_hand, new.needs_push) == (None, False)

    sold = adjust(new, AdjustmentRequest("a", "SKU-1", None, -1000, "sale"), NOW).level
    change = apply_clover_count(sold, None, NOW)

    assert (change.level.on_hand, change.level.needs_push) == (on_hand - 1000, True)
    assert change.movement is not None
    assert change.movement.cause.startswith("count taken over")


def test_a_count_in_clover_is_not_replaced() -> None:
    """A person who counts the new item at the till knows better, known already or only read later."""
    _, counted = hand_over(level(7000, 7000), Level(OTHER, on_hand=5000, shadow=5000, unread_delta=None), NOW)
    _, unread = hand_over(level(7000, 7000), Level(OTHER), NOW)

    assert apply_clover_count(counted, 5000, NOW).level.on_hand == 5000
    assert apply_clover_count(unread, 5000, NOW).level.on_hand == 5000


def test_a_count_set_here_meanwhile_is_not_replaced() -> None:
    """A count that a caller sets is newer than the inherited one."""
    _, new = hand_over(level(7000, 7000), Level(OTHER), NOW)

    assert apply_clover_count(set_count(new, 3000, NOW).level, None, NOW).level.on_hand == 3000


@given(on_hand=quantities, shadow=quantities)
def test_the_old_item_keeps_what_clover_shows_and_is_not_pushed(on_hand: int, shadow: int) -> None:
    """The change that Clover lacks moves with the SKU, and one line of the ledger explains it."""
    change, new = hand_over(level(on_hand, shadow), Level(OTHER), NOW)

    assert (change.level.on_hand, change.level.needs_push, new.inherited) == (shadow, False, on_hand)
    assert (change.movement is None) == (on_hand == shadow)
    if change.movement is not None:
        assert (change.movement.before, change.movement.after) == (on_hand, shadow)
        assert OTHER in change.movement.cause


def test_a_count_that_never_reached_clover_leaves_the_old_item_altogether() -> None:
    """The old item has no count then."""
    change, new = hand_over(level(7000, None), Level(OTHER), NOW)

    assert (change.level.on_hand, change.level.needs_push, new.inherited) == (None, False, 7000)


def test_a_sku_that_moves_on_before_its_count_arrived_takes_it_along() -> None:
    """The count reaches the third item and stays at no other."""
    _, second = hand_over(level(7000, 7000), Level(OTHER, "SKU-1"), NOW)
    left, third = hand_over(second, Level("ITEM000000003"), NOW)

    assert apply_clover_count(left.level, None, NOW).level.on_hand is None
    assert apply_clover_count(third, None, NOW).level.on_hand == 7000


def test_an_item_without_a_count_hands_over_nothing() -> None:
    """The new item starts like any other."""
    change, new = hand_over(level(None, None), Level(OTHER), NOW)

    assert (change.movement, new) == (None, Level(OTHER))
