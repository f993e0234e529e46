"""A SKU's count moves when another item gets the SKU."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.inventory.values import ITEM, NOW, OTHER, level, quantities

from inventory.domain.adjustments import AdjustmentRequest, adjust
from inventory.domain.counts import apply_clover_count, set_count
from inventory.domain.ledger import LevelChange, Movement
from inventory.domain.levels import Level
from inventory.domain.links import HandOver, Side, hand_over

COUNTED = Level(OTHER, on_hand=5000, shadow=5000, unread_delta=None)
"""An item that has a count in Clover."""


def moved(old: Level | Side, new: Level | Side, changes: Sequence[Movement] = ()) -> HandOver:
    """Hand SKU-1 over."""
    old_side, new_side = (each if isinstance(each, Side) else Side(each) for each in (old, new))
    return hand_over("SKU-1", old_side, new_side, changes, NOW)


def lines(*changes: LevelChange) -> list[Movement]:
    return [each.movement for each in changes if each.movement]


def change(level: Level, delta: int) -> LevelChange:
    """Change the stock as a caller does."""
    return adjust(level, AdjustmentRequest("a", "SKU-1", None, delta, "sale"), NOW)


@pytest.mark.parametrize("unread", [0, None], ids=["never read", "read"])
@given(on_hand=quantities)
def test_the_count_goes_to_an_item_that_clover_does_not_count(unread: int | None, on_hand: int) -> None:
    """It arrives once Clover has shown that it counts the new item not, together with adjustments made meanwhile."""
    new = moved(level(on_hand, on_hand), Level(OTHER, "SKU-1", unread_delta=unread)).new.level
    assert (new.on_hand, new.needs_push) == (None, False)

    sold = adjust(new, AdjustmentRequest("a", "SKU-1", None, -1000, "sale"), NOW).level
    shown = apply_clover_count(sold, None, NOW)

    assert (shown.level.on_hand, shown.level.needs_push) == (on_hand - 1000, True)
    assert shown.movement is not None
    assert shown.movement.cause.startswith("count taken over")


def test_a_count_in_clover_is_not_replaced() -> None:
    """A person who counts the new item at the till knows better, known already or only read later."""
    counted = moved(level(7000, 7000), COUNTED).new.level
    unread = moved(level(7000, 7000), Level(OTHER)).new.level

    assert apply_clover_count(counted, 5000, NOW).level.on_hand == 5000
    assert apply_clover_count(unread, 5000, NOW).level.on_hand == 5000


def test_a_count_set_here_meanwhile_is_not_replaced() -> None:
    """A count that a caller sets is newer than the inherited one."""
    new = moved(level(7000, 7000), Level(OTHER)).new.level

    assert apply_clover_count(set_count(new, 3000, NOW).level, None, NOW).level.on_hand == 3000


@given(shadow=quantities, delta=quantities)
def test_the_old_item_keeps_what_clover_shows_and_is_not_pushed(shadow: int, delta: int) -> None:
    """The change that Clover lacks moves with the SKU, and one line of the ledger explains it."""
    sold = change(level(shadow, shadow), delta)
    handed = moved(sold.level, Level(OTHER), lines(sold))
    left, new = handed.old, handed.new.level

    assert (left.level.on_hand, left.level.needs_push, new.inherited) == (shadow, False, shadow + delta)
    assert (left.movement is None) == (delta == 0)
    if left.movement is not None:
        assert (left.movement.before, left.movement.after) == (shadow + delta, shadow)
        assert OTHER in left.movement.cause


def test_a_count_that_never_reached_clover_leaves_the_old_item_altogether() -> None:
    """The old item has no count then."""
    handed = moved(level(7000, None), Level(OTHER))
    left, new = handed.old, handed.new.level

    assert (left.level.on_hand, left.level.needs_push, new.inherited) == (None, False, 7000)


def test_a_sku_that_moves_on_before_its_count_arrived_takes_it_along() -> None:
    """The count reaches the third item and stays at no other."""
    second = moved(level(7000, 7000), Level(OTHER, "SKU-1")).new.level
    handed = moved(second, Level("ITEM000000003"))
    left, third = handed.old, handed.new.level

    assert apply_clover_count(left.level, None, NOW).level.on_hand is None
    assert apply_clover_count(third, None, NOW).level.on_hand == 7000


def test_an_item_without_a_count_hands_over_nothing() -> None:
    """The new item starts like any other."""
    handed = moved(level(None, None), Level(OTHER))

    assert (handed.movements, handed.new.level) == ([], Level(OTHER))


@given(cups=quantities, mugs=quantities, sold=st.lists(quantities, min_size=1, max_size=4), pushed=st.integers(0, 4))
def test_what_callers_changed_moves_and_nothing_else(cups: int, mugs: int, sold: list[int], pushed: int) -> None:
    """The item that had the SKU by mistake is as before, whether Clover had the changes or not; the sum stays."""
    first = apply_clover_count(Level(ITEM, "SKU-1"), cups, NOW)
    old, changes = first.level, lines()
    for number, delta in enumerate(sold, start=1):
        changed = change(old, delta)
        old = replace(changed.level, shadow=changed.level.on_hand) if number <= pushed else changed.level
        changes += lines(changed)

    handed = moved(Side(old, lines(first), first.movement), replace(COUNTED, on_hand=mugs, shadow=mugs), changes)

    assert (handed.old.level.on_hand, handed.new.level.on_hand) == (cups, mugs + sum(sold))
    for each in (handed.old, handed.new):
        assert each.movement is None or each.movement.after == each.level.on_hand


sales = st.lists(st.integers(-100, -1), max_size=3)


@given(earlier=sales, shown=quantities, sold=sales)
def test_what_clover_lacks_moves_whenever_it_was_sold(earlier: list[int], shown: int, sold: list[int]) -> None:
    """Clover took no writes, and a person counted there between two sales online: it keeps what it shows."""
    old, changes = level(10_000, 10_000), lines()
    for delta in earlier:
        changed = change(old, delta)
        old, changes = changed.level, changes + lines(changed)
    counted = apply_clover_count(old, shown, NOW)
    old = counted.level
    for delta in sold:
        changed = change(old, delta)
        old, changes = changed.level, changes + lines(changed)

    handed = moved(Side(old, lines(counted), counted.movement), COUNTED, changes)

    assert (handed.old.level.on_hand, handed.old.level.needs_push) == (shown, False)
    assert handed.new.level.on_hand == 5000 + sum(earlier) + sum(sold)


def test_a_count_that_a_caller_set_moves_as_a_count() -> None:
    """Twenty mugs were counted where ten cups had been, and one was sold since."""
    counted = set_count(level(10_000, 10_000), 20_000, NOW)
    sold = change(counted.level, -1000)

    handed = moved(sold.level, COUNTED, lines(counted, sold))

    assert (handed.old.level.on_hand, handed.new.level.on_hand) == (10_000, 19_000)


def test_a_deleted_item_gets_nothing_back() -> None:
    """Nothing is written to it any more; the item that has a count gets what callers changed since."""
    sold = change(level(7000, 7000), -2000)
    gone = replace(sold.level, shadow=5000, is_refused=True)

    handed = moved(gone, COUNTED, lines(sold))

    assert (handed.old.level.needs_push, handed.new.level.on_hand) == (False, 3000)


def test_a_first_count_stays_with_its_item() -> None:
    """Clover has no count for the cups to go back to; the mugs get the count."""
    counted = set_count(replace(level(None, None), unread_delta=None), 7000, NOW)
    pushed = Side(replace(counted.level, shadow=7000), lines(counted), counted.movement)

    handed = moved(pushed, COUNTED, lines(counted))

    assert (handed.old.level.on_hand, handed.new.level.on_hand) == (7000, 7000)


def test_an_item_made_anew_for_the_same_goods_leaves_the_old_one_what_clover_shows() -> None:
    """Sales before the new item was counted are not added to the old one; a count set here is taken from it."""
    sold = change(level(100_000, 100_000), -93_000)
    made = apply_clover_count(Level(OTHER), 7000, NOW + timedelta(days=90))
    new = Side(made.level, lines(made), made.movement)

    handed = moved(replace(sold.level, shadow=7000), new, lines(sold))
    assert (handed.old.level.on_hand, handed.new.level.on_hand) == (7000, 7000)

    counted = set_count(level(10_000, 10_000), 20_000, NOW)
    handed = moved(replace(counted.level, shadow=20_000), new, lines(counted))
    assert (handed.old.level.on_hand, handed.new.level.on_hand) == (10_000, 7000)


def test_goods_that_the_till_sold_do_not_move() -> None:
    """Of a hundred that came ninety were sold at the till, more than there were before: the link was right."""
    first = apply_clover_count(Level(ITEM, "SKU-1"), 0, NOW)
    came = change(first.level, 100_000)
    sold = replace(came.level, on_hand=10_000, shadow=10_000)

    handed = moved(Side(sold, lines(first), first.movement), COUNTED, lines(came))

    assert (handed.old.level.on_hand, handed.new.level.on_hand) == (0, 15_000)
