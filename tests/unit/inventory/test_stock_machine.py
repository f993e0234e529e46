"""A state machine of one item's stock: after any sequence of events, all numbers agree at rest."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inventory.domain.adjustments import AdjustmentRequest, adjust
from inventory.domain.counts import apply_clover_count, set_count
from inventory.domain.ledger import LevelChange, Movement
from inventory.domain.levels import Level
from inventory.domain.pushes import Push, PushOutcome, close_push, plan_push, resolve_push

CLOVER_TIMEOUT = timedelta(seconds=20)
quantities = st.integers(1, 20_000)


class Stock(RuleBasedStateMachine):
    """One item, a model of Clover that counts it, and the steps that the sync functions take.

    `truth` is the quantity on the shelf, as far as it is known: before the first count, adjustments say nothing about
    it. Counts alone cannot show three kinds of till sales, which this machine
    leaves out: sales between the read and the write of one push, sales larger than an open push, and sales between a
    count set here and Clover's first count.
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
        self.sold_during_push = 0
        self.writes = self.keys = 0

    def keep(self, change: LevelChange) -> None:
        self.level = change.level
        if change.movement is not None:
            self.ledger.append(change.movement)

    @property
    def only_counted_here(self) -> bool:
        return self.level.on_hand is not None and self.level.shadow is None

    @rule(quantity=quantities)
    @precondition(lambda self: self.clover is not None and self.push is None and not self.only_counted_here)
    def sell_at_the_till(self, quantity: int) -> None:
        assert self.clover is not None
        self.clover -= quantity
        self.truth -= quantity

    @rule(quantity=quantities)
    @precondition(lambda self: self.clover is not None and self.push is not None and not self.arrives_late)
    def sell_at_the_till_during_an_open_push(self, quantity: int) -> None:
        assert self.clover is not None
        assert self.push is not None
        if self.sold_during_push + quantity < abs(self.push.target - (self.push.base or 0)):
            self.sold_during_push += quantity
            self.clover -= quantity
            self.truth -= quantity

    @rule(count=st.integers(-5000, 50_000))
    @precondition(lambda self: self.push is None)
    def recount_in_clover(self, count: int) -> None:
        if not self.only_counted_here:
            self.truth += count - (self.clover or 0)
        self.clover = count

    @rule(delta=st.integers(-20_000, 20_000).filter(bool))
    def adjust_here(self, delta: int) -> None:
        self.keys += 1
        self.keep(adjust(self.level, AdjustmentRequest(f"key-{self.keys}", "SKU-1", None, delta, "web sale"), self.now))
        if self.level.on_hand is not None or self.level.unread_delta is not None:
            self.truth += delta

    @rule(quantity=st.integers(-5000, 50_000))
    def count_here(self, quantity: int) -> None:
        if self.level.shadow is None and self.push is None:
            self.truth = quantity
        else:
            self.truth += quantity - (self.level.on_hand or 0)
        self.keep(set_count(self.level, quantity, self.now))

    @rule(times=st.integers(1, 3))
    @precondition(lambda self: self.push is None)
    def read(self, times: int) -> None:
        """One or several webhooks lead to reads of the same count."""
        lines = len(self.ledger)
        self.forget_adjustments_of_an_uncounted_item()
        for _ in range(times):
            self.keep(apply_clover_count(self.level, self.clover, self.now))
        assert len(self.ledger) <= lines + 1

    def forget_adjustments_of_an_uncounted_item(self) -> None:
        if self.level.on_hand is None and self.clover is None:
            self.truth = 0

    @rule(ending=st.sampled_from(["answered", "applied unanswered", "lost", "late", "refused", "killed before"]))
    @precondition(lambda self: self.push is None)
    def push_once(self, ending: str) -> None:
        self.forget_adjustments_of_an_uncounted_item()
        self.keep(apply_clover_count(self.level, self.clover, self.now))
        planned = plan_push(self.level, self.clover, UUID(int=1), self.now, self.now + CLOVER_TIMEOUT)
        if planned is None or ending == "refused":
            return
        if ending == "killed before":
            self.push = planned
        else:
            self.write(planned, ending)

    def write(self, planned: Push, ending: str) -> None:
        self.writes += 1
        assert self.level.on_hand is not None
        assert planned.target != self.clover
        if ending in {"answered", "applied unanswered"}:
            self.clover = planned.target
        if ending == "answered":
            self.level = close_push(self.level, planned, PushOutcome.APPLIED)
        else:
            self.push, self.arrives_late = planned, ending == "late"

    @rule()
    @precondition(lambda self: self.arrives_late)
    def a_late_write_arrives(self) -> None:
        assert self.push is not None
        self.clover, self.arrives_late = self.push.target, False

    @rule()
    @precondition(lambda self: self.push is not None)
    def resolve_the_open_push(self) -> None:
        assert self.push is not None
        outcome = resolve_push(self.push, self.clover, self.now)
        if outcome is PushOutcome.UNKNOWN:
            return
        self.level = close_push(self.level, self.push, outcome)
        self.keep(apply_clover_count(self.level, self.clover, self.now))
        self.push, self.sold_during_push = None, 0

    @rule(seconds=st.integers(1, 15))
    def time_passes(self, seconds: int) -> None:
        """A late write arrives before its deadline or never."""
        self.now += timedelta(seconds=seconds)
        if self.arrives_late and self.push is not None and self.now >= self.push.deadline:
            self.a_late_write_arrives()

    @invariant()
    def the_ledger_adds_up_to_the_stock_on_hand(self) -> None:
        assert (self.ledger[-1].after if self.ledger else None) == self.level.on_hand
        assert all(before.after == after.before for before, after in zip(self.ledger, self.ledger[1:], strict=False))
        assert all(each.after == each.before + each.delta for each in self.ledger if each.before is not None)

    @invariant()
    def movement_keys_are_unique(self) -> None:
        assert (
            len({each.key for each in self.ledger}) == len({each.version for each in self.ledger}) == len(self.ledger)
        )

    @invariant()
    def shadow_and_pending_add_up_to_the_stock_on_hand(self) -> None:
        if self.level.on_hand is not None:
            assert (self.level.shadow or 0) + self.level.pending == self.level.on_hand

    @invariant()
    def only_an_item_without_a_count_waits_to_be_read(self) -> None:
        assert self.level.on_hand is None or (self.level.unread_delta, self.level.inherited) == (None, None)

    def teardown(self) -> None:
        """At rest Clover, ledger and shelf agree, and further reads cause no write."""
        self.now += 2 * CLOVER_TIMEOUT
        if self.arrives_late:
            self.a_late_write_arrives()
        if self.push is not None:
            self.resolve_the_open_push()
        for _ in range(3):
            self.read(times=2)
            self.push_once("answered")
        writes, lines = self.writes, len(self.ledger)
        self.read(times=3)
        self.push_once("answered")

        assert (self.writes, len(self.ledger)) == (writes, lines)
        assert not self.level.needs_push
        assert (self.clover or 0) == (self.level.on_hand or 0) == self.truth


Stock.TestCase.settings = settings(stateful_step_count=30)
TestStock = Stock.TestCase
