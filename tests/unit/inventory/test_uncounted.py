"""A state machine of an uncounted item: no sequence of events makes a count."""

from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.unit.inventory.values import DEADLINE, ITEM, NOW

from inventory.domain.adjustments import AdjustmentRequest, adjust
from inventory.domain.counts import apply_clover_count
from inventory.domain.ledger import Movement
from inventory.domain.levels import Level
from inventory.domain.links import Side, hand_over
from inventory.domain.pushes import plan_push


class Uncounted(RuleBasedStateMachine):
    """Adjustments, links, reads and sweeps of items that have no count in Clover."""

    def __init__(self) -> None:
        super().__init__()
        self.level = Level(ITEM, "SKU-1")
        self.ledger: list[Movement] = []

    @rule(delta=st.integers(-20_000, 20_000).filter(bool))
    def adjust_here(self, delta: int) -> None:
        key = f"key-{len(self.ledger)}"
        change = adjust(self.level, AdjustmentRequest(key, "SKU-1", None, delta, "web sale"), NOW)
        assert change.movement is not None
        self.level = change.level
        self.ledger.append(change.movement)

    @rule()
    def read(self) -> None:
        """A webhook or a sweep leads to a read that shows no count."""
        self.level = apply_clover_count(self.level, None, NOW).level

    @rule()
    def link_to_another_item(self) -> None:
        number = self.level.version + 2
        new = Side(Level(f"ITEM{number:09}", "SKU-1"))
        self.level = hand_over("SKU-1", Side(self.level), new, self.ledger, NOW).new.level

    @invariant()
    def nothing_is_counted_or_written(self) -> None:
        assert self.level.on_hand is None
        assert plan_push(self.level, None, UUID(int=1), NOW, DEADLINE) is None
        assert all(each.after is None for each in self.ledger)

    @rule(quantity=st.integers(-5000, 50_000))
    def the_first_count_is_the_truth(self, quantity: int) -> None:
        """Tried on a copy: once the item was seen without a count, what was adjusted before is history."""
        seen = apply_clover_count(self.level, None, NOW).level
        assert apply_clover_count(seen, quantity, NOW).level.on_hand == quantity


TestUncounted = Uncounted.TestCase
