"""The allocation of Clover's calls: never above a limit, and every process gets its turn."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.grants import WINDOW, Claim, Limit, Limits, Share, State, claim_for, max_min_level
from catalog.store.grants import QUEUE_SLOT_TTL

LIMITS = Limits(app=Limit(50, 10), token=Limit(16, 5))
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DURATION = timedelta(seconds=3)
TOLERANCE = 1e-9

MERCHANTS = [f"M{number}" for number in range(6)]
HOLDERS = ["catalog", "inventory", "orders", "orders-2"]

Key = tuple[str, str]


@dataclass
class Book:
    """The grants table in memory, with the lifetimes of `store.grants`."""

    limits: Limits = LIMITS
    now: datetime = START
    claims: dict[Key, tuple[Claim, datetime]] = field(default_factory=dict)

    def take(self, key: Key) -> Share | None:
        self._expire()
        own = self.claims.get(key, (None, START))[0]
        others = [claim for other, (claim, _) in self.claims.items() if other != key]
        claim = claim_for(self.limits, own, others, key[0], self.now)
        if claim is None:
            return None
        is_holding = claim.state is State.HOLDING
        self.claims[key] = claim, self.now + (DURATION if is_holding else QUEUE_SLOT_TTL)
        return Share(claim.rate, claim.concurrency) if is_holding else None

    def give_back(self, key: Key) -> None:
        claim, _ = self.claims.get(key, (None, None))
        if claim and claim.state is State.HOLDING:
            returned = replace(claim, state=State.RETURNED, rate=0.0, concurrency=0)
            self.claims[key] = returned, claim.started_at + WINDOW

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self._expire()

    def held(self) -> list[Claim]:
        return [claim for claim, _ in self.claims.values() if claim.state is State.HOLDING]

    def _expire(self) -> None:
        self.claims = {key: (claim, until) for key, (claim, until) in self.claims.items() if until > self.now}


def within(limit: Limit, held: Iterable[Claim]) -> bool:
    out = list(held)
    return (
        sum(claim.rate for claim in out) <= limit.steady + TOLERANCE
        and sum(claim.concurrency for claim in out) <= limit.slots
    )


keys = st.tuples(st.sampled_from(MERCHANTS), st.sampled_from(HOLDERS))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("take"), keys),
        st.tuples(st.just("give back"), keys),
        st.tuples(st.just("wait"), st.floats(0.01, 4.0)),
    ),
    max_size=60,
)


@given(steps)
def test_granted_shares_never_exceed_a_limit(steps: list[tuple[str, Key | float]]) -> None:
    """Both limits hold at every moment while grants are taken, renewed, given back and expire."""
    book = Book()
    for name, argument in steps:
        if isinstance(argument, float):
            book.wait(argument)
        elif name == "take":
            book.take(argument)
        else:
            book.give_back(argument)
        held = book.held()
        assert within(LIMITS.app, held)
        assert all(within(LIMITS.token, (c for c in held if c.merchant_id == each)) for each in MERCHANTS)


@given(st.lists(keys, unique=True, min_size=1, max_size=24), st.floats(0.5, 3.0))
def test_no_process_starves_while_others_renew(claimants: list[Key], renew_after: float) -> None:
    """When all processes keep asking and none gives back, each gets grants again and again."""
    book, last, renew_at = Book(), dict.fromkeys(claimants, START), dict.fromkeys(claimants, START)
    for _ in range(160):
        for key in claimants:
            if book.now < renew_at[key]:
                continue
            if book.take(key):
                last[key] = book.now
                renew_at[key] = book.now + timedelta(seconds=renew_after)
        book.wait(0.25)
    longest = max(book.now - at for at in last.values())
    assert longest <= timedelta(seconds=4 * (1 + len(claimants) // LIMITS.app.slots) + 4)


@given(st.lists(keys, unique=True, min_size=1, max_size=9), st.floats(0.1, 2.0))
def test_calls_of_short_grants_stay_below_the_limit(claimants: list[Key], calls: float) -> None:
    """Grants taken and given back quickly, each for a call or two, add no burst to the calls Clover counts."""
    book, sent = Book(), []
    for turn in range(100):
        key = claimants[turn % len(claimants)]
        share = book.take(key)
        if share:
            sent.append(book.now)
            extra = min(int(calls), int(share.rate * 0.02))
            sent += [book.now] * extra
        book.wait(0.02)
        book.give_back(key)
        recent = [at for at in sent if book.now - at < WINDOW]
        assert len(recent) <= LIMITS.app.rate


def test_a_single_process_gets_nearly_everything() -> None:
    """The only process of a merchant gets the token's limit except the reserve for a newcomer."""
    share = Book().take(("M0", "orders"))
    assert share == Share(rate=LIMITS.token.steady - 2, concurrency=LIMITS.token.slots - 1)


def test_a_second_process_gets_a_grant_at_once() -> None:
    """A newcomer does not wait for the first process's renewal."""
    book = Book()
    book.take(("M0", "orders"))
    book.wait(0.1)
    assert book.take(("M0", "inventory"))


def test_shares_are_even_after_renewals() -> None:
    """The shares of two processes of one merchant differ by at most the reserve for a third."""
    book = Book()
    for _ in range(4):
        first, second = book.take(("M0", "orders")), book.take(("M0", "inventory"))
        book.wait(2)
    assert first
    assert second
    assert first.rate == pytest.approx(LIMITS.token.steady / 2)
    assert second.rate == pytest.approx(LIMITS.token.steady / 2 - 2)
    assert (first.concurrency, second.concurrency) == (2, 1)


def test_a_share_given_back_is_free_at_once() -> None:
    """The next process gets a returned share before it would have expired."""
    book = Book()
    for name in HOLDERS:
        book.take(("M0", name))
    assert book.take(("M0", "fifth")) is None
    book.give_back(("M0", "catalog"))
    assert book.take(("M0", "fifth"))


def test_the_longest_waiting_process_is_next() -> None:
    """A free share goes to the process that has waited longest, not to the first that asks."""
    book = Book()
    for name in HOLDERS:
        book.take(("M0", name))
    book.take(("M0", "early"))
    book.wait(0.1)
    book.take(("M0", "late"))
    book.give_back(("M0", "catalog"))
    assert book.take(("M0", "late")) is None
    assert book.take(("M0", "early"))


@pytest.mark.parametrize(
    ("app", "token", "claimants"),
    [(50, 1, 3), (50, 2, 3), (50, 3, 4), (50, 16, 20), (1, 1, 2), (2, 16, 3), (3, 2, 4), (50, 16, 60), (120, 60, 130)],
)
@pytest.mark.parametrize("merchants", [1, 40])
def test_small_limits_and_long_queues_stop_nobody(app: int, token: int, claimants: int, merchants: int) -> None:
    """Each process gets its turn, however few calls there are, and the calls of a second stay within the limit."""
    limits = Limits(app=Limit(app, 10), token=Limit(token, 5))
    book = Book(limits=limits)
    served: set[Key] = set()
    queue = [(f"M{number % merchants}", f"process {number}") for number in range(claimants)]
    while len(served) < claimants:
        assert book.now < START + timedelta(seconds=4 * claimants)
        served |= {key for key in queue if key not in served and book.take(key)}
        assert within(limits.app, book.held())
        book.wait(0.25)


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=20), st.floats(1, 100))
def test_the_max_min_level_uses_up_the_total(demands: list[float], total: float) -> None:
    """The smaller of demand and level sums up to the total, or to all demands if the total covers them."""
    granted = [min(demand, max_min_level(total, demands)) for demand in demands]
    assert sum(granted) <= total + 1e-6
    assert sum(granted) >= min(total, sum(demands)) - 1e-6
