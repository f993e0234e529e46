"""A SKU's count moves when another item gets the SKU."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.inventory.values import NOW, OTHER, level, quantities

from inventory.domain.adjustments import AdjustmentRequest, adjust
from inventory.domain.counts import apply_clover_count, set_count
from inventory.domain.levels import Level
from inventory.domain.links import hand_over

COUNTED = Level(OTHER, on_hand=5000, shadow=5000, unread_delta=None)
"""An item that has a count in Clover."""


@pytest.mark.parametrize("unread", [0, None], ids=["never read", "read"])
@given(on_hand=quantities)
def test_the_count_goes_to_an_item_that_clover_does_not_count(unread: int | None, on_hand: int) -> None:
    """It arrives once Clover has shown that it counts the new item not, together with adjustments made meanwhile."""
    new = hand_over(level(on_hand, on_hand), Level(OTHER, "SKU-1", unread_delta=unread), NOW).new.level
    assert (new.on_hand, new.needs_push) == (None, False)

    sold = adjust(new, AdjustmentRequest("a", "SKU-1", None, -1000, "sale"), NOW).level
    change = apply_clover_count(sold, None, NOW)

    assert (change.level.on_hand, change.level.needs_push) == (on_hand - 1000, True)
    assert change.movement is not None
    assert change.movement.cause.startswith("count taken over")


def test_a_count_in_clover_is_not_replaced() -> None:
    """A person who counts the new item at the till knows better, known already or only read later."""
    counted = hand_over(level(7000, 7000), COUNTED, NOW).new.level
    unread = hand_over(level(7000, 7000), Level(OTHER), NOW).new.level

    assert apply_clover_count(counted, 5000, NOW).level.on_hand == 5000
    assert apply_clover_count(unread, 5000, NOW).level.on_hand == 5000


def test_a_count_set_here_meanwhile_is_not_replaced() -> None:
    """A count that a caller sets is newer than the inherited one."""
    new = hand_over(level(7000, 7000), Level(OTHER), NOW).new.level

    assert apply_clover_count(set_count(new, 3000, NOW).level, None, NOW).level.on_hand == 3000


@given(on_hand=quantities, shadow=quantities)
def test_the_old_item_keeps_what_clover_shows_and_is_not_pushed(on_hand: int, shadow: int) -> None:
    """The change that Clover lacks moves with the SKU, and one line of the ledger explains it."""
    handed = hand_over(level(on_hand, shadow), Level(OTHER), NOW)
    change, new = handed.old, handed.new.level

    assert (change.level.on_hand, change.level.needs_push, new.inherited) == (shadow, False, on_hand)
    assert (change.movement is None) == (on_hand == shadow)
    if change.movement is not None:
        assert (change.movement.before, change.movement.after) == (on_hand, shadow)
        assert OTHER in change.movement.cause


def test_a_count_that_never_reached_clover_leaves_the_old_item_altogether() -> None:
    """The old item has no count then."""
    handed = hand_over(level(7000, None), Level(OTHER), NOW)
    change, new = handed.old, handed.new.level

    assert (change.level.on_hand, change.level.needs_push, new.inherited) == (None, False, 7000)


def test_a_sku_that_moves_on_before_its_count_arrived_takes_it_along() -> None:
    """The count reaches the third item and stays at no other."""
    second = hand_over(level(7000, 7000), Level(OTHER, "SKU-1"), NOW).new.level
    handed = hand_over(second, Level("ITEM000000003"), NOW)
    left, third = handed.old, handed.new.level

    assert apply_clover_count(left.level, None, NOW).level.on_hand is None
    assert apply_clover_count(third, None, NOW).level.on_hand == 7000


def test_an_item_without_a_count_hands_over_nothing() -> None:
    """The new item starts like any other."""
    handed = hand_over(level(None, None), Level(OTHER), NOW)

    assert (handed.movements, handed.new.level) == ([], Level(OTHER))


@given(
    cups=quantities,
    mugs=quantities,
    sold=st.lists(quantities.filter(bool), min_size=1, max_size=4),
    pushed=st.integers(0, 4),
)
def test_what_callers_changed_moves_and_nothing_else(cups: int, mugs: int, sold: list[int], pushed: int) -> None:
    """The item that had the SKU by mistake is as before, whether Clover had the changes or not; the sum stays."""
    old, lines = level(cups, cups), []
    for number, delta in enumerate(sold, start=1):
        change = adjust(old, AdjustmentRequest(str(number), "SKU-1", None, delta, "sale"), NOW)
        old = replace(change.level, shadow=change.level.on_hand) if number <= pushed else change.level
        lines += [change.movement] if change.movement else []

    handed = hand_over(old, replace(COUNTED, on_hand=mugs, shadow=mugs), NOW, lines)

    assert (handed.old.level.on_hand, handed.new.level.on_hand) == (cups, mugs + sum(sold))
    for each in (handed.old, handed.new):
        assert each.movement is None or each.movement.after == each.level.on_hand


sales = st.integers(-100, -1)


@given(earlier=st.lists(sales, max_size=3), shown=quantities, sold=st.lists(sales, max_size=3))
def test_what_clover_lacks_moves_whenever_it_was_sold(earlier: list[int], shown: int, sold: list[int]) -> None:
    """Clover took no writes, and the till changed its count between two sales online: it keeps what it shows."""
    old = level(10_000, 10_000)
    for delta in earlier:
        old = adjust(old, AdjustmentRequest("a", "SKU-1", None, delta, "sale"), NOW).level
    old = apply_clover_count(old, shown, NOW).level
    lines = []
    for delta in sold:
        change = adjust(old, AdjustmentRequest("a", "SKU-1", None, delta, "sale"), NOW)
        old = change.level
        lines += [change.movement] if change.movement else []

    handed = hand_over(old, COUNTED, NOW, lines)

    assert (handed.old.level.on_hand, handed.old.level.needs_push) == (shown, False)
    assert handed.new.level.on_hand == 5000 + sum(earlier) + sum(sold)


def test_a_count_that_a_caller_set_moves_as_a_count() -> None:
    """Twenty mugs were counted where ten cups had been, and one was sold since."""
    counted = set_count(level(10_000, 10_000), 20_000, NOW)
    sold = adjust(counted.level, AdjustmentRequest("a", "SKU-1", None, -1000, "sale"), NOW)

    handed = hand_over(sold.level, COUNTED, NOW, [each.movement for each in (counted, sold) if each.movement])

    assert (handed.old.level.on_hand, handed.new.level.on_hand) == (10_000, 19_000)


def test_a_deleted_item_gets_nothing_back() -> None:
    """Nothing is written to it any more; the item that has a count gets what callers changed since."""
    sold = adjust(level(7000, 7000), AdjustmentRequest("a", "SKU-1", None, -2000, "sale"), NOW)
    gone = replace(sold.level, shadow=5000, is_refused=True)

    handed = hand_over(gone, COUNTED, NOW, [sold.movement] if sold.movement else [])

    assert (handed.old.level.needs_push, handed.new.level.on_hand) == (False, 3000)


def test_a_first_count_stays_with_its_item() -> None:
    """Clover has no count for the cups to go back to; the mugs get the count."""
    counted = set_count(replace(level(None, None), unread_delta=None), 7000, NOW)
    pushed = replace(counted.level, shadow=7000)

    handed = hand_over(pushed, COUNTED, NOW, [counted.movement] if counted.movement else [])

    assert (handed.old.level.on_hand, handed.new.level.on_hand) == (7000, 7000)
