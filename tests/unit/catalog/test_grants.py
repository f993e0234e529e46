"""The division of Clover's calls: never above a limit, and every process gets its turn."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lending import APP, BACKGROUND_SHARE, LONGEST, TOKEN, kept

from catalog.domain.grants import NOTHING, Claim, Limit, Share, State, max_min_level, slots_taken
from catalog.domain.lending import EVERYTHING, VISIT, Lending, Loan

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOLERANCE = 1e-9

PROCESSES = [f"{service}-{number}" for service in ("catalog", "inventory", "orders") for number in range(3)]


@dataclass
class Book:
    """The claims on one limit in memory, with the lifetimes of `store.grants`."""

    limit: Limit
    is_app: bool = True
    now: datetime = START
    claims: dict[str, Claim] = field(default_factory=dict)
    using: dict[str, Share] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def ask(
        self,
        process: str,
        *,
        all_: bool = True,
        is_expected: bool = False,
        hangs: bool = False,
    ) -> Loan | None:
        """Ask for a share, while that of before is used; if its calls hang, all places are still taken."""
        self._expire()
        own = self.claims.get(process)
        others = [claim for other, claim in self.claims.items() if other != process]
        lending, service = (
            Lending(self.limit, own, others, self.now, LONGEST, BACKGROUND_SHARE),
            process.rpartition("-")[0],
        )
        if self.is_app:
            in_use = self._in_use(process, own, hangs=hangs)
            loan = lending.lend_app(process, everything=all_, in_use=in_use, number=next(self.numbers))
        elif is_expected:
            loan = lending.lend_expected(service)
        else:
            in_flight = own.places if own and hangs else 0
            loan = lending.lend_merchant(service, everything=all_, in_flight=in_flight)
        if loan is None:
            return None
        self.claims[process] = kept(loan.claim)
        self.using[process] = loan.claim.granted
        return loan if loan.claim.is_lent else None

    def _in_use(self, process: str, own: Claim | None, *, hangs: bool) -> Share:
        """Return what the holder of this claim may use, at most."""
        if own is None:
            return NOTHING
        if hangs:
            return Share(own.calls_at(self.now), own.places)
        return self.using[process] if own.is_used(self.now) else NOTHING

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self._expire()

    def held(self) -> list[Claim]:
        return [claim for claim in self.claims.values() if claim.state is State.HOLDING]

    def rates(self) -> list[float]:
        return [claim.granted.rate for claim in self.held()]

    def _expire(self) -> None:
        self.claims = {
            name: claim for name, claim in self.claims.items() if claim.expires_at and claim.expires_at > self.now
        }


def within(book: Book) -> bool:
    """Return whether what may be used, or is still counted, is within the limit."""
    claims = book.claims.values()
    if book.is_app:
        calls = sum(claim.calls_at(book.now) for claim in claims) <= book.limit.rate
    else:
        calls = sum(claim.granted.rate for claim in book.held()) <= book.limit.steady + TOLERANCE
    return calls and slots_taken(claims) <= book.limit.concurrency


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
        assert within(book)


@given(steps, st.sampled_from([TOKEN, Limit(1000, 300)]))
def test_all_may_make_their_calls_of_a_second_at_once(steps: list[tuple[str, str | float, bool]], limit: Limit) -> None:
    """A session makes its rate, rounded up, in some second, and so may all others of the merchant in the same one."""
    book = Book(limit, is_app=False)
    for name, argument, flag in steps:
        if isinstance(argument, float):
            book.wait(argument)
        else:
            book.ask(argument, all_=flag, hangs=name == "hang")
        assert sum(ceil(claim.granted.rate) for claim in book.held()) <= limit.rate * 0.97


@pytest.mark.parametrize("number", range(1, 10))
def test_busy_processes_have_the_whole_limit(number: int) -> None:
    """A few calls are kept for a newcomer while there is a place for it; nobody has two calls more than another."""
    book = Book(APP)
    renewed(book, PROCESSES[:number])
    assert sum(book.rates()) >= APP.rate - (APP.spare if number < APP.slots else 0)
    assert max(book.rates()) - min(book.rates()) <= 1


def renewed(book: Book, processes: list[str]) -> None:
    """Let a minute pass in which these processes are busy."""
    renew_at = dict.fromkeys(processes, START)
    for _ in range(240):
        for name in processes:
            if book.now >= renew_at[name] and (loan := book.ask(name)):
                renew_at[name] = book.now + timedelta(seconds=loan.term.renew_in)
        book.wait(0.25)


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


def test_a_newcomer_has_its_calls_once_the_others_have_confirmed() -> None:
    """A smaller share counts as much as before until its holder says what it uses."""
    book = Book(APP)
    book.ask("first")
    newcomer = book.ask("second")
    assert newcomer
    assert newcomer.claim.granted.rate == APP.spare
    shrunk = book.ask("first")
    assert shrunk
    assert shrunk.claim.granted.rate == (APP.rate - APP.spare) / 2
    assert shrunk.term.renew_in == 1
    assert book.ask("third") is None
    book.wait(1)
    book.ask("first")
    assert book.ask("third")


def test_the_calls_of_a_share_count_until_they_are_over() -> None:
    """A call may start in the last moment, and be on its way as long as the share lasted."""
    book = Book(APP)
    loan = book.ask("dead", all_=False)
    assert loan
    lasts = loan.term.expires_in
    book.wait(lasts + 0.9)
    assert sum(claim.calls_at(book.now) for claim in book.claims.values()) == loan.claim.calls
    book.wait(0.2)
    assert sum(claim.calls_at(book.now) for claim in book.claims.values()) == loan.claim.places
    book.wait(lasts - 0.2)
    assert slots_taken(book.claims.values()) == loan.claim.places
    book.wait(0.2)
    assert not book.claims


def test_an_overtaken_request_changes_nothing() -> None:
    """Its answer is not waited for; the holder has that of a later one."""
    book = Book(APP)
    late = next(book.numbers)
    loan = book.ask("orders-1")
    assert loan
    own = book.claims["orders-1"]
    lending = Lending(APP, own, [], book.now, LONGEST, BACKGROUND_SHARE)
    assert lending.lend_app("orders-1", everything=False, number=late) is None
    assert lending.lend_app("orders-1", everything=False, number=own.number)


def test_a_refusal_counts_what_its_process_does_without_it() -> None:
    """A process that has had a lease makes single calls while it has no answer, and this may be a refusal."""
    lending = Lending(APP, None, [Claim("other", State.HOLDING, START, EVERYTHING, Share(50, 9))], START, LONGEST, 0.8)
    known = lending.lend_app("orders-1", everything=True)
    unknown = lending.lend_app("orders-1", everything=True, continues=True)
    assert known
    assert unknown
    assert (known.claim.state, known.claim.calls, known.claim.places) == (State.WAITING, 0, 0)
    assert (unknown.claim.state, unknown.claim.calls, unknown.claim.places) == (State.WAITING, 1, 1)


def test_an_idle_process_leaves_the_rest_to_a_busy_one() -> None:
    """A process of single calls takes one call a second from those who could use them."""
    book = Book(APP)
    for name in PROCESSES[1:4]:
        book.ask(name, all_=False)
    book.wait(2)
    loan = book.ask(PROCESSES[0])
    assert loan
    assert loan.claim.granted.rate == APP.rate - 3 * VISIT.rate - APP.spare


def test_a_share_of_a_dead_process_comes_back_within_seconds() -> None:
    """Nobody renews for it, so the others have it after its life at the latest."""
    book = Book(APP)
    book.ask("dead")
    book.wait(2 * LONGEST + 1)
    loan = book.ask("alive")
    assert loan
    assert loan.claim.granted.rate == APP.rate - APP.spare


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
        assert book.now < START + timedelta(seconds=(2 * LONGEST + 2) * claimants)
        served |= {name for name in queue if name not in served and book.ask(name)}
        assert within(book)
        book.wait(0.5)


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=20), st.floats(1, 100))
def test_the_max_min_level_uses_up_the_total(demands: list[float], total: float) -> None:
    """The smaller of demand and level sums up to the total, or to all demands if the total covers them."""
    granted = [min(demand, max_min_level(total, demands)) for demand in demands]
    assert sum(granted) <= total + 1e-6
    assert sum(granted) >= min(total, sum(demands)) - 1e-6
