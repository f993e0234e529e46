"""When Clover is written, and how a write without an answer is resolved."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.inventory.values import DEADLINE, ITEM, NOW, level, quantities

from inventory.domain.counts import apply_clover_count
from inventory.domain.pushes import Push, PushOutcome, close_push, plan_push, resolve_push


def push(base: int | None, target: int) -> Push:
    return Push(UUID(int=1), ITEM, base, target, NOW, DEADLINE)


@given(on_hand=quantities, count=st.none() | quantities)
def test_a_push_brings_clover_to_our_number(on_hand: int, count: int | None) -> None:
    """The target is our number and the base is the count just read; equal numbers need no push."""
    seen = apply_clover_count(level(on_hand, 0), count, NOW).level
    planned = plan_push(seen, count, UUID(int=1), NOW, DEADLINE)

    assert (planned is None) == (on_hand == 0 or seen.on_hand == count)
    if planned is not None:
        assert (planned.base, planned.target) == (count, seen.on_hand)


def test_a_push_stays_unknown_until_its_deadline() -> None:
    """Only the target proves the outcome at once, as the base may still be overwritten."""
    lost = push(10_000, 8000)

    assert resolve_push(lost, 8000, NOW) is PushOutcome.APPLIED
    assert resolve_push(lost, 10_000, NOW) is PushOutcome.UNKNOWN
    assert resolve_push(lost, 9000, NOW) is PushOutcome.UNKNOWN
    assert resolve_push(lost, 10_000, DEADLINE) is PushOutcome.NOT_APPLIED
    assert resolve_push(lost, None, DEADLINE) is PushOutcome.NOT_APPLIED


@given(base=quantities, change=st.integers(-5000, 5000).filter(bool), applied=st.booleans(), data=st.data())
def test_a_sale_smaller_than_the_push_does_not_mislead(
    base: int, change: int, applied: bool, data: st.DataObject
) -> None:
    """The outcome is found correctly when less was sold meanwhile than was pushed."""
    sold = data.draw(st.integers(0, abs(change) - 1))
    count = (base + change if applied else base) - sold

    outcome = PushOutcome.APPLIED if applied else PushOutcome.NOT_APPLIED
    assert resolve_push(push(base, base + change), count, DEADLINE) is outcome


@given(on_hand=quantities, base=quantities, count=quantities)
def test_a_difference_to_an_applied_push_is_inbound(on_hand: int, base: int, count: int) -> None:
    """Clover's count after an applied push is accounted for to the last thousandth."""
    written = close_push(level(on_hand, base), push(base, on_hand), PushOutcome.APPLIED)
    settled = apply_clover_count(written, count, NOW).level

    assert (settled.on_hand, settled.shadow) == (count, count)
