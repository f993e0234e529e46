"""The division of Clover's calls: never above a limit, and every process gets its turn."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.grants import Claim, Limit, Share, State, max_min_level, slots_taken
from catalog.domain.lending import SINGLE, VISIT, Lending, Loan
from catalog.store.grants import LEASE_MARGIN, QUEUE_SLOT_TTL

APP, TOKEN = Limit(50, 10), Limit(16, 5, spare=3.0)
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LONGEST, BACKGROUND_SHARE = 20.0, 0.8
TOLERANCE = 1e-9

PROCESSES = [f"{service}-{number}" for service in ("catalog", "inventory", "orders") for number in range(3)]


@dataclass
class Book:
    """The claims on one limit in memory, with the lifetimes of `store.grants`."""

    limit: Limit
    is_app: bool = True
    now: datetime = START
    claims: dict[str, tuple[Claim, datetime]] = field(default_factory=dict)

    def ask(self, process: str, *, all_: bool = True, is_expected: bool = False, hangs: bool = False) -> Loan | None:
        """Ask for a share; if its calls hang, all places it had before are still taken."""
        self._expire()
        own = self.claims.get(process, (None, START))[0]
        in_flight = own.places if own and hangs else 0
        others = [claim for other, (claim, _) in self.claims.items() if other != process]
        lending, service = (
            Lending(self.limit, own, others, self.now, LONGEST, BACKGROUND_SHARE),
            process.rpartition("-")[0],
        )
        if self.is_app:
            loan = lending.lend_app(process, everything=all_, in_flight=in_flight)
        elif is_expected:
            loan = lending.lend_expected(service)
        else:
            loan = lending.lend_merchant(service, everything=all_, in_flight=in_flight)
        if loan is None:
            return None
        is_holding = loan.claim.state is State.HOLDING
        lasts = timedelta(seconds=loan.term.expires_in) + LEASE_MARGIN if is_holding else QUEUE_SLOT_TTL
        granted = replace(loan.claim.granted, concurrency=loan.claim.places)
        claim = replace(loan.claim, granted=granted, in_flight=0, ends_at=self.now + lasts - LEASE_MARGIN)
        self.claims[process] = claim, self.now + lasts
        return loan if loan.claim.is_lent else None

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self._expire()

    def held(self) -> list[Claim]:
        return [claim for claim, _ in self.claims.values() if claim.state is State.HOLDING]

    def _expire(self) -> None:
        self.claims = {name: (claim, until) for name, (claim, until) in self.claims.items() if until > self.now}


def within(limit: Limit, held: Iterable[Claim]) -> bool:
    out = list(held)
    return (
        sum(claim.granted.rate for claim in out) <= limit.steady + TOLERANCE and slots_taken(out) <= limit.concurrency
    )


processes = st.sampled_from(PROCESSES)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), processes, st.booleans()),
        st.tuples(st.just("expect"), processes, st.booleans()),
        st.tuples(st.just("hang"), processes, st.booleans()),
        st.tuples(st.just("wait"), st.floats(0.01, 8.0), st.booleans()),
    ),
    max_size=80,
)


@given(steps, st.booleans(), st.sampled_from([APP, TOKEN, Limit(1, 1), Limit(3, 2), Limit(1000, 300)]))
def test_what_is_lent_never_exceeds_the_limit(
    steps: list[tuple[str, str | float, bool]], is_app: bool, limit: Limit
) -> None:
    """The sum of rates and of calls in flight holds at every moment, while processes ask, die and come back."""
    book = Book(limit, is_app)
    for name, argument, flag in steps:
        if isinstance(argument, float):
            book.wait(argument)
        else:
            book.ask(argument, all_=flag, is_expected=name == "expect", hangs=name == "hang")
        assert within(limit, book.held())


@given(steps, st.sampled_from([APP, TOKEN, Limit(1000, 300)]))
def test_all_may_make_their_calls_of_a_second_at_once(steps: list[tuple[str, str | float, bool]], limit: Limit) -> None:
    """A process makes its rate, rounded up, in some second, and so may all others in the same one."""
    book = Book(limit)
    for name, argument, flag in steps:
        if isinstance(argument, float):
            book.wait(argument)
        else:
            book.ask(argument, all_=flag, hangs=name == "hang")
        assert sum(ceil(claim.granted.rate) for claim in book.held()) <= limit.rate * 0.97


@pytest.mark.parametrize("number", range(1, 10))
def test_busy_processes_may_all_have_their_fullest_second_at_once(number: int) -> None:
    """Equal shares of six calls and a bit would be seven calls of each in some second."""
    book, renew_at = Book(APP), dict.fromkeys(PROCESSES[:number], START)
    for _ in range(240):
        for name in renew_at:
            if book.now >= renew_at[name] and (loan := book.ask(name)):
                renew_at[name] = book.now + timedelta(seconds=loan.term.renew_in)
        book.wait(0.25)
        assert sum(ceil(claim.granted.rate) for claim in book.held()) <= APP.rate * 0.97
    assert sum(claim.granted.rate for claim in book.held()) >= 0.9 * APP.steady


@given(st.lists(processes, unique=True, min_size=1), st.booleans())
def test_no_process_starves_while_others_renew(claimants: list[str], is_app: bool) -> None:
    """When all keep asking for everything, each gets a share again and again."""
    book = Book(APP if is_app else TOKEN, is_app)
    last, renew_at = dict.fromkeys(claimants, START), dict.fromkeys(claimants, START)
    for _ in range(240):
        for name in claimants:
            if book.now < renew_at[name]:
                continue
            loan = book.ask(name)
            if loan:
                last[name] = book.now
                renew_at[name] = book.now + timedelta(seconds=loan.term.renew_in)
        book.wait(0.25)
    assert max(book.now - at for at in last.values()) <= timedelta(seconds=2 * LONGEST)


def test_nine_busy_processes_share_the_app() -> None:
    """After their renewals all have the same, and together nearly everything."""
    book, renew_at = Book(APP), dict.fromkeys(PROCESSES, START)
    for _ in range(240):
        for name in PROCESSES:
            if book.now >= renew_at[name] and (loan := book.ask(name)):
                renew_at[name] = book.now + timedelta(seconds=loan.term.renew_in)
        book.wait(0.25)
    rates = [claim.granted.rate for claim in book.held()]
    assert len(rates) == len(PROCESSES)
    assert sum(rates) >= APP.steady - 2 - TOLERANCE
    assert max(rates) - min(rates) <= TOLERANCE


def test_an_idle_process_leaves_the_rest_to_a_busy_one() -> None:
    """A process of single calls takes one call a second from those who could use them."""
    book = Book(APP)
    for name in PROCESSES[1:4]:
        book.ask(name, all_=False)
    book.wait(2)
    loan = book.ask(PROCESSES[0])
    assert loan
    assert loan.claim.granted.rate == pytest.approx(APP.steady - 3 * SINGLE.rate - 2)


def test_a_share_of_a_dead_process_comes_back_within_seconds() -> None:
    """Nobody renews for it, so the others have it after its life at the latest."""
    book = Book(APP)
    book.ask("dead")
    book.wait(LONGEST + LEASE_MARGIN.total_seconds() + 0.01)
    loan = book.ask("alive")
    assert loan
    assert loan.claim.granted.rate == pytest.approx(APP.steady - 2)


def test_a_lease_is_good_for_fifty_calls() -> None:
    """A process with few calls a second asks rarely, one with many soon, so that others get their part in time."""
    alone = Book(APP).ask("orders-1")
    assert alone
    assert alone.term.renew_in * alone.claim.granted.rate >= 50
    assert alone.term.renew_in <= 2
    little = Book(APP).ask("orders-1", all_=False)
    assert little
    assert little.term.renew_in >= 10


def test_a_share_far_from_fair_is_renewed_soon() -> None:
    """A process that comes second gets its part as soon as the first one renews or is gone."""
    book = Book(APP)
    book.ask("first")
    loan = book.ask("second")
    assert loan
    assert loan.term.renew_in == 1


def test_while_one_waits_leases_are_short() -> None:
    """More processes than calls in flight take turns, and each turn ends soon."""
    book = Book(APP)
    for number in range(APP.slots + 1):
        book.ask(f"process {number}")
    book.ask("process 99")
    loan = book.ask("process 0")
    assert loan is None or loan.term.renew_in == 1


def test_a_visit_leaves_room_for_the_other_services() -> None:
    """A change that touches a merchant in three services at once waits in none of them."""
    book = Book(TOKEN, is_app=False)
    for name in ("catalog-1", "inventory-1", "orders-1"):
        loan = book.ask(name, all_=False)
        assert loan
        assert loan.claim.granted == VISIT


def test_a_long_session_gets_nearly_everything() -> None:
    """The only process of a merchant gets the token's limit except the reserve for a newcomer."""
    book = Book(TOKEN, is_app=False)
    book.ask("orders-1", all_=False)
    book.wait(1)
    loan = book.ask("orders-1")
    assert loan
    assert loan.claim.granted == Share(rate=TOKEN.steady - TOKEN.spare, concurrency=TOKEN.slots - 1)


@pytest.mark.parametrize("longest", [0.2, 3.0, 60.0])
def test_no_share_lasts_longer_than_is_set(longest: float) -> None:
    """A crashed process blocks its share for that time at most."""
    lending = Lending(TOKEN, None, [], START, longest, BACKGROUND_SHARE)
    loans = [
        lending.lend_app("orders-1", everything=False),
        lending.lend_merchant("orders", everything=True),
        lending.lend_merchant("orders", everything=False),
        lending.lend_expected("orders"),
    ]
    assert all(loan and loan.term.expires_in <= longest for loan in loans)


def test_expected_calls_take_nothing_that_another_needs_first() -> None:
    """However many processes expect a merchant, a live change there finds calls at once."""
    book = Book(TOKEN, is_app=False)
    for name in PROCESSES * 2:
        book.ask(name, all_=False, is_expected=True)
    loan = book.ask("orders-9", all_=False)
    assert loan
    assert loan.claim.granted.rate >= 2


def test_two_services_find_calls_while_the_third_uses_all_it_can_have() -> None:
    """A bulk job of one service delays no first call of another."""
    book = Book(TOKEN, is_app=False)
    book.ask("orders-1")
    book.wait(1.5)
    assert book.ask("inventory-1", all_=False)
    book.wait(1)
    assert book.ask("catalog-1", all_=False)


def test_replicas_of_a_service_share_its_place_in_flight() -> None:
    """Its processes never call for a merchant at once, as the worker leases the merchant."""
    book = Book(TOKEN, is_app=False)
    for number in range(3):
        assert book.ask(f"inventory-{number}", all_=False, is_expected=True)
    assert slots_taken(book.held()) == 1


def test_the_longest_waiting_process_is_next() -> None:
    """A free share goes to the process that has waited longest, not to the first that asks."""
    book = Book(Limit(50, 1))
    book.ask("first")
    book.ask("early")
    book.wait(0.1)
    book.ask("late")
    del book.claims["first"]
    assert book.ask("late") is None
    assert book.ask("early")


@pytest.mark.parametrize(
    ("rate", "slots", "claimants"), [(1, 1, 3), (2, 1, 4), (3, 2, 4), (50, 10, 20), (120, 60, 130)]
)
@pytest.mark.parametrize("is_app", [True, False])
def test_small_limits_and_long_queues_stop_nobody(rate: int, slots: int, claimants: int, is_app: bool) -> None:
    """Each process gets its turn, however few calls there are."""
    limit = Limit(rate, slots)
    book = Book(limit, is_app)
    served: set[str] = set()
    queue = [f"service{number}-1" for number in range(claimants)]
    while len(served) < claimants:
        assert book.now < START + timedelta(seconds=16 * claimants)
        served |= {name for name in queue if name not in served and book.ask(name)}
        assert within(limit, book.held())
        book.wait(0.5)


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=20), st.floats(1, 100))
def test_the_max_min_level_uses_up_the_total(demands: list[float], total: float) -> None:
    """The smaller of demand and level sums up to the total, or to all demands if the total covers them."""
    granted = [min(demand, max_min_level(total, demands)) for demand in demands]
    assert sum(granted) <= total + 1e-6
    assert sum(granted) >= min(total, sum(demands)) - 1e-6
