"""Stock under everything that can happen to it: whatever the order, the numbers agree at rest."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inventory.domain import (
    Asked,
    Fate,
    Level,
    Moved,
    Movement,
    Push,
    adjust,
    judge,
    observe,
    plan_push,
    settle,
    state,
)

PATIENCE = timedelta(seconds=20)
quantities = st.integers(1, 20_000)


class Stock(RuleBasedStateMachine):
    """One item, a Clover that counts it, and ourselves reading and pushing as the sync functions do.

    `truth` is what a person would find on the shelf. Till sales between our reading and writing of one push, and
    sales larger than a push in doubt, cannot be told by counts alone and are not played here; nor are those between a
    count stated here and Clover's first one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
        self.level = Level("ITEM000000001", "SKU-1")
        self.ledger: list[Movement] = []
        self.clover: int | None = None
        self.truth = 0
        self.push: Push | None = None
        self.arrives_late = False
        self.sold_in_doubt = 0
        self.writes = self.keys = 0

    def keep(self, moved: Moved) -> None:
        self.level = moved.level
        if moved.movement is not None:
            self.ledger.append(moved.movement)

    @property
    def stated_only(self) -> bool:
        return self.level.stated and self.level.shadow is None

    @rule(quantity=quantities)
    @precondition(lambda self: self.clover is not None and self.push is None and not self.stated_only)
    def sell_at_the_till(self, quantity: int) -> None:
        assert self.clover is not None
        self.clover -= quantity
        self.truth -= quantity

    @rule(quantity=quantities)
    @precondition(lambda self: self.clover is not None and self.push is not None and not self.arrives_late)
    def sell_at_the_till_while_a_push_is_in_doubt(self, quantity: int) -> None:
        assert self.clover is not None
        assert self.push is not None
        if self.sold_in_doubt + quantity < abs(self.push.target - (self.push.base or 0)):
            self.sold_in_doubt += quantity
            self.clover -= quantity
            self.truth -= quantity

    @rule(count=st.integers(-5000, 50_000))
    @precondition(lambda self: self.push is None)
    def recount_in_clover(self, count: int) -> None:
        if not self.stated_only:
            self.truth += count - (self.clover or 0)
        self.clover = count

    @rule(delta=st.integers(-20_000, 20_000).filter(bool))
    def adjust_here(self, delta: int) -> None:
        self.keys += 1
        self.keep(adjust(self.level, Asked(f"key-{self.keys}", "SKU-1", None, delta, "web sale"), self.now))
        self.truth += delta

    @rule(quantity=st.integers(-5000, 50_000))
    def count_here(self, quantity: int) -> None:
        if self.level.shadow is None and self.push is None:
            self.truth = quantity
        else:
            self.truth += quantity - (self.level.on_hand or 0)
        self.keep(state(self.level, quantity, self.now))

    @rule(times=st.integers(1, 3))
    @precondition(lambda self: self.push is None)
    def read(self, times: int) -> None:
        """A hint, told once or more often."""
        lines = len(self.ledger)
        for _ in range(times):
            self.keep(observe(self.level, self.clover, self.now))
        assert len(self.ledger) <= lines + 1

    @rule(fate=st.sampled_from(["answered", "applied unanswered", "lost", "late", "refused", "killed before"]))
    @precondition(lambda self: self.push is None)
    def push_once(self, fate: str) -> None:
        self.keep(observe(self.level, self.clover, self.now))
        planned = plan_push(self.level, self.clover, UUID(int=1), self.now, self.now + PATIENCE)
        if planned is None or fate == "refused":
            return
        if fate == "killed before":
            self.push = planned
        else:
            self.write(planned, fate)

    def write(self, planned: Push, fate: str) -> None:
        self.writes += 1
        assert planned.target != self.clover
        if fate in {"answered", "applied unanswered"}:
            self.clover = planned.target
        if fate == "answered":
            self.level = settle(self.level, planned, Fate.APPLIED)
        else:
            self.push, self.arrives_late = planned, fate == "late"

    @rule()
    @precondition(lambda self: self.arrives_late)
    def a_late_write_arrives(self) -> None:
        assert self.push is not None
        self.clover, self.arrives_late = self.push.target, False

    @rule()
    @precondition(lambda self: self.push is not None)
    def settle_a_doubt(self) -> None:
        assert self.push is not None
        fate = judge(self.push, self.clover, self.now)
        if fate is Fate.UNKNOWN:
            return
        self.level = settle(self.level, self.push, fate)
        self.keep(observe(self.level, self.clover, self.now))
        self.push, self.sold_in_doubt = None, 0

    @rule(seconds=st.integers(1, 15))
    def time_passes(self, seconds: int) -> None:
        """A late write arrives while we still count on it, or never."""
        self.now += timedelta(seconds=seconds)
        if self.arrives_late and self.push is not None and self.now >= self.push.doubtful_until:
            self.a_late_write_arrives()

    @invariant()
    def the_ledger_sums_up_to_what_is_on_hand(self) -> None:
        assert sum(each.delta for each in self.ledger) == (self.level.on_hand or 0)
        assert all(before.after == after.before for before, after in zip(self.ledger, self.ledger[1:], strict=False))

    @invariant()
    def movements_have_keys_of_their_own(self) -> None:
        assert (
            len({each.key for each in self.ledger}) == len({each.version for each in self.ledger}) == len(self.ledger)
        )

    @invariant()
    def what_is_pending_is_what_clover_has_yet_to_learn(self) -> None:
        assert (self.level.shadow or 0) + self.level.pending == (self.level.on_hand or 0)

    def teardown(self) -> None:
        """At rest Clover, ledger and shelf agree, and reading on causes no further write."""
        self.now += 2 * PATIENCE
        if self.arrives_late:
            self.a_late_write_arrives()
        if self.push is not None:
            self.settle_a_doubt()
        for _ in range(3):
            self.read(times=2)
            self.push_once("answered")
        writes, lines = self.writes, len(self.ledger)
        self.read(times=3)
        self.push_once("answered")

        assert (self.writes, len(self.ledger)) == (writes, lines)
        assert not self.level.must_push
        assert (self.clover or 0) == (self.level.on_hand or 0) == self.truth


Stock.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestStock = Stock.TestCase
