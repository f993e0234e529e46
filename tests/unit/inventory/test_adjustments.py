"""How lists of adjustments are applied or refused."""

import pytest
from tests.unit.inventory.values import DEADLINE, ITEM, NOW, OTHER, level

from common.errors import Invalid
from inventory.domain.adjustments import AdjustmentRequest, ProductsPending, adjust_all, shown_key
from inventory.domain.levels import MAX_QUANTITY, Level


def request(
    key: str = "a", sku: str | None = "SKU-1", delta: int = -1000, cause: str = "web sale"
) -> AdjustmentRequest:
    return AdjustmentRequest(key, sku, None if sku else ITEM, delta, cause)


def test_adjustments_follow_one_another_and_may_become_negative() -> None:
    """Each adjustment starts where the previous one ended, below zero too."""
    adjusted = adjust_all([request("a"), request("b", delta=-3000)], [level(1000, 1000)], {}, NOW)

    assert [(each.before, each.after) for each in adjusted.answers] == [(1000, 0), (0, -3000)]
    assert adjusted.levels[0].on_hand == -3000
    assert adjusted.levels[0].pending == -4000


def test_a_repeated_key_changes_nothing_and_gets_the_same_answer() -> None:
    """A repeat is recognised within one list and in a later one."""
    first = adjust_all([request(), request()], [level(1000, 1000)], {}, NOW)
    recorded = {movement.identity: movement for movement in first.movements}
    again = adjust_all([request()], [level(0, 1000, sku="")], recorded, DEADLINE)

    assert len(first.movements) == 1
    assert again.movements == []
    assert again.answers == first.answers[:1]


@pytest.mark.parametrize("other", [request(delta=5), request(cause="another"), request(sku="SKU-2")])
def test_a_key_used_for_another_adjustment_is_refused_by_name(other: AdjustmentRequest) -> None:
    """The whole list is refused, and the problem names the position of the key."""
    levels = [level(1000, 1000), Level(OTHER, "SKU-2")]
    recorded = {movement.identity: movement for movement in adjust_all([request()], levels, {}, NOW).movements}

    with pytest.raises(Invalid) as refused:
        adjust_all([request("fine"), other], levels, recorded, NOW)
    assert [each.field for each in refused.value.problems] == ["adjustments.1.key"]


def test_a_repeat_may_name_the_same_item_by_its_id() -> None:
    """The SKU and the id of one item make the same adjustment."""
    recorded = {
        movement.identity: movement for movement in adjust_all([request()], [level(1000, 1000)], {}, NOW).movements
    }

    assert adjust_all([request(sku=None)], [level(0, 1000)], recorded, NOW).movements == []


def test_every_problem_of_a_list_is_named_at_once() -> None:
    """Unknown items and a count beyond the limit are each reported with their position."""
    wrong = [request("a", sku="SKU-9"), AdjustmentRequest("b", None, OTHER, 1, ""), request("c", delta=MAX_QUANTITY)]
    with pytest.raises(Invalid) as refused:
        adjust_all(wrong, [level(1000, 1000)], {}, NOW)

    fields = [each.field for each in refused.value.problems]
    assert fields == ["adjustments.0.sku", "adjustments.1.item_id", "adjustments.2.delta"]


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (request(delta=5), "by -1"),
        (request(cause="another"), 'with the cause "web sale"'),
        (request(sku="SKU-2"), "of SKU-1"),
    ],
)
def test_the_refusal_of_a_used_key_names_the_difference(other: AdjustmentRequest, difference: str) -> None:
    """It names what the recorded adjustment had instead, and nothing that is the same."""
    levels = [level(1000, 1000), Level(OTHER, "SKU-2")]
    recorded = {each.identity: each for each in adjust_all([request()], levels, {}, NOW).movements}

    with pytest.raises(Invalid) as refused:
        adjust_all([other], levels, recorded, NOW)
    assert refused.value.problems[0].problem == f"was already used for an adjustment {difference}"


def test_two_stores_may_use_the_same_key() -> None:
    """A key belongs to the channel and store that the adjustment names, or to no store."""
    named = [
        AdjustmentRequest("a", "SKU-1", None, -1000, "sale", channel, store)
        for channel, store in [("", ""), ("shopify", "mugs"), ("shopify", "cups"), ("etsy", "mugs")]
    ]
    adjusted = adjust_all([*named, *named], [level(9000, 9000)], {}, NOW)

    assert [each.after for each in adjusted.movements] == [8000, 7000, 6000, 5000]
    assert [shown_key(each) for each in adjusted.answers] == ["a"] * 8


def test_products_on_their_way_are_refused_apart() -> None:
    """Alone they can be sent again; beside an unknown SKU the list is invalid as it is."""
    with pytest.raises(ProductsPending) as waiting:
        adjust_all([request("a"), request("b", sku="NEW")], [level(1000, 1000)], {}, NOW, {"NEW"})
    assert [each.field for each in waiting.value.problems] == ["adjustments.1.sku"]

    with pytest.raises(Invalid) as refused:
        adjust_all([request("a", sku="NEW"), request("b", sku="SKU-9")], [], {}, NOW, {"NEW"})
    assert not isinstance(refused.value, ProductsPending)


def test_an_uncounted_item_keeps_no_count() -> None:
    """The movement is in the ledger without a count, and there is nothing to push."""
    adjusted = adjust_all([request()], [Level(ITEM, "SKU-1", unread_delta=None)], {}, NOW)

    [movement] = adjusted.movements
    assert (movement.delta, movement.before, movement.after) == (-1000, None, None)
    assert (adjusted.levels[0].on_hand, adjusted.levels[0].needs_push) == (None, False)
