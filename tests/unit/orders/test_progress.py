"""An order's progress against a Clover that loses calls, applies them late and shows them late."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orders.domain.progress import LEAST_LOOKUPS, Progress, State
from orders.domain.writes import AddLines, CreateCustomer, CreateOrder, Pay, Write

SETTLE = timedelta(seconds=60)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CREATE = CreateOrder("R")
ONCE: list[Write] = [AddLines("1-3"), CreateCustomer("R"), Pay("R")]
BY_NAME = {each.name: each for each in [CREATE, *ONCE]}


@dataclass
class Sent:
    """A call that left: when it is applied, if ever, and the look-ups answered since it ended."""

    step: Write
    applied_at: datetime | None
    looks: list[datetime] = field(default_factory=list)


class Sending(RuleBasedStateMachine):
    """Calls end in every way; between two of one step lie answered looks over the whole settle time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.progress = Progress()
        self.sent: list[Sent] = []
        self.done: set[Write] = set()

    def next_step(self) -> Write | None:
        if self.progress.state is State.READY:
            return CREATE
        return next((step for step in ONCE if step not in self.done), None)

    def answer(self, step: Write) -> None:
        self.done.add(step)
        self.progress = self.progress.created("O") if step == CREATE else self.progress.applied()

    @precondition(lambda self: self.progress.sending is None and self.next_step() is not None)
    @rule(fate=st.sampled_from(["answered", "lost", "applied", "late", "refused", "killed before", "killed after"]))
    def send(self, fate: str) -> None:
        """Announce the write, send it, and have it end in some way."""
        step = self.next_step()
        assert step is not None
        before = [each for each in self.sent if each.step == step]
        self.progress = self.progress.begin(step)
        if fate == "refused":
            self.progress = self.progress.not_applied()
            return
        if fate == "killed before":
            return
        assert all(each.applied_at is None for each in before), "it stands in Clover already"
        assert all(len(each.looks) >= LEAST_LOOKUPS for each in before)
        late = {"lost": None, "late": self.now + SETTLE * 0.9}.get(fate, self.now)
        self.sent.append(Sent(step, late))
        if fate == "answered":
            self.answer(step)
        elif fate != "killed after":
            self.progress = self.progress.in_doubt(self.now)

    @precondition(lambda self: self.progress.sending is not None)
    @rule()
    def poll(self) -> None:
        """Ask Clover about the write in doubt; an index may lag, but not beyond the settle time."""
        assert self.progress.sending is not None
        step = BY_NAME[self.progress.sending]
        if self.progress.doubt_since is None:
            self.progress = self.progress.in_doubt(self.now)
        ours = [each for each in self.sent if each.step == step]
        if any(each.applied_at and each.applied_at <= self.now for each in ours):
            self.answer(step)
            return
        for each in ours:
            each.looks.append(self.now)
        self.progress = self.progress.not_seen(self.now, SETTLE)

    @rule(seconds=st.integers(0, 40))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.progress.doubt_since is not None)
    @rule()
    def wait_as_planned(self) -> None:
        """The pause to the next look is never nothing and never beyond the settle time."""
        pause = self.progress.next_lookup_after(self.now, SETTLE)
        assert timedelta(0) < pause <= SETTLE
        self.now += pause

    @invariant()
    def nothing_is_sent_in_doubt(self) -> None:
        """While the end of a write is not known no other begins."""
        if self.progress.sending is not None:
            with pytest.raises(RuntimeError):
                self.progress.begin(ONCE[0])

    @invariant()
    def never_twice_in_clover(self) -> None:
        for step in [CREATE, *ONCE]:
            assert sum(each.step == step and each.applied_at is not None for each in self.sent) <= 1


Sending.TestCase.settings = settings(stateful_step_count=40)
TestSending = Sending.TestCase


def looks_until_settled(doubts: int) -> list[float]:
    """When Clover is asked about a write that it never shows, in seconds, by the number of doubts in a row."""
    progress = Progress(state=State.UNKNOWN, sending=CREATE.name, doubts=doubts - 1).in_doubt(NOW)
    now, looks = NOW, []
    while progress.sending is not None:
        looks.append((now - NOW).total_seconds())
        progress = progress.not_seen(now, SETTLE)
        now += progress.next_lookup_after(now, SETTLE)
    return looks


def test_look_ups_are_soon_at_first_and_the_last_is_right_after_the_settle_time() -> None:
    """An order that got there is found in seconds; one that did not is sent again after the settle time."""
    assert looks_until_settled(1) == [0, 3.75, 11.25, 26.25, 56.25, 60]


def test_each_attempt_without_an_end_is_decided_after_the_settle_time() -> None:
    """After an outage no order waits longer because it failed several times; the circuit breaker spares Clover."""
    assert [looks_until_settled(doubts)[-1] for doubts in (2, 3, 9)] == [60, 60, 60]


def test_only_doubts_in_a_row_count() -> None:
    """An answer ends the count of doubts; a write that surely changed nothing does not."""
    doubted = Progress(doubts=1).begin(CREATE).in_doubt(NOW)

    assert doubted.not_applied().doubts == 2
    assert doubted.created("0RDER00000001").doubts == 0


def test_an_order_found_submitting_is_not_ready() -> None:
    """An order that a killed process left behind is looked up and never sent."""
    left = Progress().begin(CREATE)
    assert left.state is State.SUBMITTING
    with pytest.raises(RuntimeError, match="may not be sent"):
        left.begin(CREATE)


@pytest.mark.parametrize("state", [State.CREATED, State.PAID, State.DONE, State.REJECTED, State.CANCELLED])
def test_only_a_ready_order_is_created(state: State) -> None:
    """No other state leads to a creation."""
    with pytest.raises(RuntimeError, match="is not created"):
        Progress(state=state).begin(CREATE)


def test_a_rejected_order_goes_on_where_it_was() -> None:
    """One that is in Clover is not created again."""
    assert Progress(state=State.REJECTED).restarted().state is State.READY
    assert Progress(state=State.REJECTED, clover_order_id="O").restarted().state is State.CREATED
