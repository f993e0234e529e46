"""The rules of stock, one by one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Invalid
from inventory.domain import (
    LARGEST,
    Asked,
    Fate,
    Level,
    Push,
    Source,
    adjust_all,
    judge,
    observe,
    plan_push,
    settle,
    state,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=40)
ITEM, OTHER = "ITEM000000001", "ITEM000000002"

quantities = st.integers(-100_000, 100_000)


def level(on_hand: int | None, shadow: int | None, sku: str = "SKU-1") -> Level:
    return Level(ITEM, sku, on_hand, shadow, version=7)


def push(base: int | None, target: int) -> Push:
    return Push(UUID(int=1), ITEM, base, target, NOW, LATER)


def asked(key: str = "a", sku: str | None = "SKU-1", delta: int = -1000, cause: str = "web sale") -> Asked:
    return Asked(key, sku, None if sku else ITEM, delta, cause)


def test_a_till_sale_becomes_a_movement_with_before_and_after() -> None:
    """What Clover's count lost since we last looked is one line of the ledger."""
    moved = observe(level(9000, 9000), 7500, NOW)

    assert moved.movement is not None
    assert (moved.movement.delta, moved.movement.before, moved.movement.after) == (-1500, 9000, 7500)
    assert moved.movement.source is Source.CLOVER
    assert (moved.level.on_hand, moved.level.shadow) == (7500, 7500)


@given(on_hand=quantities, shadow=quantities)
def test_an_echo_of_our_own_write_moves_nothing(on_hand: int, shadow: int) -> None:
    """A count that is accounted for changes neither ledger nor level."""
    before = level(on_hand, shadow)

    assert observe(before, shadow, NOW) == observe(before, None, NOW)
    assert observe(before, shadow, NOW).level == before


def test_never_counted_is_not_zero() -> None:
    """An item without a count stays without; a first count of 0 is a count, and told."""
    unknown = level(None, None)

    assert observe(unknown, None, NOW).level.on_hand is None
    counted = observe(unknown, 0, NOW)
    assert (counted.level.on_hand, counted.movement is not None) == (0, True)


def test_a_count_taken_away_in_clover_moves_nothing() -> None:
    """An item that is no longer counted there keeps our number, and the next count moves by the difference."""
    kept = observe(level(5000, 5000), None, NOW).level

    assert kept.on_hand == 5000
    assert observe(kept, 3000, NOW).level.on_hand == 3000


@given(on_hand=quantities, count=st.none() | quantities)
def test_a_push_brings_clover_to_our_number(on_hand: int, count: int | None) -> None:
    """What is written is our number, over the count just read; nothing is written without need."""
    seen = observe(level(on_hand, 0), count, NOW).level
    planned = plan_push(seen, count, UUID(int=1), NOW, LATER)

    assert (planned is None) == (on_hand == 0 or seen.on_hand == count)
    if planned is not None:
        assert (planned.base, planned.target) == (count, seen.on_hand)


def test_nothing_is_decided_while_a_write_may_be_on_its_way() -> None:
    """Only the target tells at once; the base may still be overwritten."""
    doubtful = push(10_000, 8000)

    assert judge(doubtful, 8000, NOW) is Fate.APPLIED
    assert judge(doubtful, 10_000, NOW) is Fate.UNKNOWN
    assert judge(doubtful, 9000, NOW) is Fate.UNKNOWN
    assert judge(doubtful, 10_000, LATER) is Fate.NOT_APPLIED
    assert judge(doubtful, None, LATER) is Fate.NOT_APPLIED


@given(base=quantities, change=st.integers(-5000, 5000).filter(bool), applied=st.booleans(), data=st.data())
def test_a_sale_smaller_than_the_push_does_not_mislead(
    base: int, change: int, applied: bool, data: st.DataObject
) -> None:
    """Whether a write in doubt was applied is told rightly when less was sold meanwhile than was pushed."""
    sold = data.draw(st.integers(0, abs(change) - 1))
    count = (base + change if applied else base) - sold

    assert judge(push(base, base + change), count, LATER) is (Fate.APPLIED if applied else Fate.NOT_APPLIED)


@given(on_hand=quantities, base=quantities, count=quantities)
def test_what_moved_beside_an_applied_push_is_inbound(on_hand: int, base: int, count: int) -> None:
    """Clover's number after an applied push is accounted for to the last thousandth."""
    written = settle(level(on_hand, base), push(base, on_hand), Fate.APPLIED)
    settled = observe(written, count, NOW).level

    assert (settled.on_hand, settled.shadow) == (count, count)


def test_a_stated_count_is_a_movement_to_that_number() -> None:
    """Counting 4 where 6 were leads down by 2; counting the same again does nothing."""
    moved = state(level(6000, 6000), 4000, NOW)

    assert moved.movement is not None
    assert moved.movement.delta == -2000
    assert state(moved.level, 4000, NOW).movement is None


@pytest.mark.parametrize("before", [0, 10_000])
@given(first=quantities)
def test_a_count_stated_before_clover_showed_one_stays(before: int, first: int) -> None:
    """Clover's first count is not added to it; what was adjusted after it stays on top."""
    adjusted = adjust_all([asked("a", delta=before)], [level(None, None)], {}, NOW).levels[0]
    sold = adjust_all([asked("b", delta=-3000)], [state(adjusted, 10_000, NOW).level], {}, NOW).levels[0]
    seen = observe(sold, first, NOW)

    assert (seen.level.on_hand, seen.level.shadow, seen.movement) == (7000, first, None)
    assert observe(seen.level, first - 1000, NOW).level.on_hand == 6000


def test_adjustments_follow_one_another_and_may_lead_below_zero() -> None:
    """Each starts where the one before ended; what was sold is sold, negative or not."""
    adjusted = adjust_all([asked("a"), asked("b", delta=-3000)], [level(1000, 1000)], {}, NOW)

    assert [(each.before, each.after) for each in adjusted.answers] == [(1000, 0), (0, -3000)]
    assert adjusted.levels[0].on_hand == -3000
    assert adjusted.levels[0].pending == -4000


def test_a_repeated_key_moves_nothing_and_gets_the_same_answer() -> None:
    """Whether it comes again in the same list or later."""
    first = adjust_all([asked(), asked()], [level(1000, 1000)], {}, NOW)
    done = {movement.key: movement for movement in first.movements}
    again = adjust_all([asked()], [level(0, 1000, sku="")], done, LATER)

    assert len(first.movements) == 1
    assert again.movements == []
    assert again.answers == first.answers[:1]


@pytest.mark.parametrize("other", [asked(delta=5), asked(cause="another"), asked(sku="SKU-2"), asked(sku=None)])
def test_a_key_used_for_another_adjustment_is_refused_by_name(other: Asked) -> None:
    """Nothing is guessed: the list is refused and the place named."""
    levels = [level(1000, 1000), Level(OTHER, "SKU-2")]
    done = {movement.key: movement for movement in adjust_all([asked()], levels, {}, NOW).movements}
    if other.sku is None:  # the same item by its id is the same adjustment
        assert adjust_all([other], levels, done, NOW).movements == []
        return
    with pytest.raises(Invalid) as refused:
        adjust_all([asked("fine"), other], levels, done, NOW)
    assert [each.field for each in refused.value.problems] == ["adjustments.1.key"]


def test_unknown_items_and_absurd_sums_are_named_each() -> None:
    """All that is wrong is told at once, with its place."""
    wrong = [asked("a", sku="SKU-9"), Asked("b", None, OTHER, 1, ""), asked("c", delta=LARGEST)]
    with pytest.raises(Invalid) as refused:
        adjust_all(wrong, [level(1000, 1000)], {}, NOW)

    fields = [each.field for each in refused.value.problems]
    assert fields == ["adjustments.0.sku", "adjustments.1.item_id", "adjustments.2.delta"]
