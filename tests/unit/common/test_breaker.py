"""The circuit breaker, on a clock that tests move."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import FakeClock

from common.clover.breaker import FAILED_CALLS, FAILED_TOKENS, FIRST_PROBE, LAST_PROBE, Breaker, Lane
from common.errors import Ambiguous, AppError, NotFound, OutOfService, Throttled, TimedOut, Unavailable

SHOP, OTHER = "MRCHNT0000001", "MRCHNT0000002"


class Calling:
    """Calls through a breaker to a Clover that a test switches off and on."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.breaker = Breaker(self.clock)
        self.sent: list[tuple[float, str]] = []

    def call(
        self,
        merchant: str = SHOP,
        resource: str = "",
        error: AppError | None = None,
        region: str = "us",
        lane: Lane = Lane.READ,
    ) -> bool:
        """Make a call that fails with this error; return whether it was sent."""
        before = len(self.sent)
        with suppress(AppError), self.breaker.call(region, merchant, lane, resource or f"items/{before}"):
            self.sent.append((self.clock.monotonic(), merchant))
            if error is not None:
                raise error
        return len(self.sent) > before

    def is_open(self, merchant: str = SHOP, lane: Lane = Lane.READ) -> bool:
        try:
            self.breaker.check("us", merchant, lane)
        except OutOfService:
            return True
        return False


@pytest.mark.parametrize("error", [Unavailable, TimedOut, Ambiguous])
def test_failures_in_a_row_open_the_circuit_of_their_token(error: Callable[[], AppError]) -> None:
    """Calls then raise OutOfService with the time left; other tokens go on."""
    calling = Calling()
    for _ in range(FAILED_CALLS):
        assert not calling.is_open()
        calling.call(error=error())

    with pytest.raises(OutOfService) as raised:
        calling.breaker.check("us", SHOP, Lane.READ)
    assert raised.value.retry_after is not None
    assert FIRST_PROBE / 2 <= raised.value.retry_after.total_seconds() <= FIRST_PROBE
    assert not calling.call()
    assert calling.call(OTHER)


@pytest.mark.parametrize("answer", [None, NotFound(), Throttled()])
def test_an_answer_ends_the_row(answer: AppError | None) -> None:
    """A refusal and a 429 are answers too."""
    calling = Calling()
    for _ in range(3 * FAILED_CALLS):
        calling.call(error=Unavailable())
        calling.call(error=answer)

    assert not calling.is_open()


def test_one_resource_that_always_fails_opens_nothing() -> None:
    """It is ill itself, and its work backs off by itself."""
    calling = Calling()
    for _ in range(3 * FAILED_CALLS):
        calling.call(resource="item_stocks/BAD", error=Unavailable())

    assert not calling.is_open()


def test_one_probe_at_a_time_closes_the_circuit() -> None:
    """While the probe is under way no other call is made; its answer lets all calls through."""
    calling = Calling()
    for _ in range(FAILED_CALLS):
        calling.call(error=Unavailable())
    calling.clock.advance(FIRST_PROBE)

    with calling.breaker.call("us", SHOP, Lane.READ, "items"):
        assert not calling.call()
    assert calling.call()


def test_an_interrupted_probe_leaves_its_place_to_the_next_call() -> None:
    """A cancelled call says nothing about Clover."""
    calling = Calling()
    for _ in range(FAILED_CALLS):
        calling.call(error=Unavailable())
    calling.clock.advance(FIRST_PROBE)
    with suppress(KeyboardInterrupt), calling.breaker.call("us", SHOP, Lane.READ, "items"):
        raise KeyboardInterrupt

    assert calling.call(error=Unavailable())
    assert not calling.call()


def test_a_failure_that_leaves_the_circuit_open_has_the_time_left() -> None:
    """Its work waits for Clover like all other work, and need not back off for longer."""
    calling, error = Calling(), Unavailable()
    for _ in range(FAILED_CALLS - 1):
        calling.call(error=Unavailable())
    calling.call(error=error)

    assert error.retry_after is not None
    assert FIRST_PROBE / 2 <= error.retry_after.total_seconds() <= FIRST_PROBE


def test_reads_that_succeed_do_not_hide_writes_that_fail() -> None:
    """Each write follows a read; when all writes fail they stop, and reads go on."""
    calling = Calling()
    for _ in range(FAILED_CALLS):
        calling.call()
        calling.call(error=Ambiguous(), lane=Lane.WRITE)

    assert calling.is_open(lane=Lane.WRITE)
    assert not calling.is_open()


def test_calls_that_began_before_do_not_prolong_the_pause() -> None:
    """Calls in flight when the circuit opened are no probes."""
    calling = Calling()
    with suppress(AppError), calling.breaker.call("us", SHOP, Lane.READ, "slow"):
        for _ in range(FAILED_CALLS):
            calling.call(error=Unavailable())
        raise TimedOut
    calling.clock.advance(FIRST_PROBE)

    assert calling.call()


def test_several_failing_tokens_open_their_region() -> None:
    """Then one probe serves all its tokens, and other regions go on."""
    calling = Calling()
    shops = [f"MRCHNT00000{number:02}" for number in range(20)]
    for shop in shops[:FAILED_TOKENS]:
        calling.call(shop, error=Unavailable())

    assert not calling.call(shops[10])
    assert calling.call(shops[10], region="eu")
    calling.clock.advance(FIRST_PROBE)
    assert [calling.call(shop, error=Unavailable()) for shop in shops].count(True) == 1
    calling.clock.advance(LAST_PROBE)
    assert all(calling.call(shop) for shop in shops)


def test_timeouts_open_no_region() -> None:
    """Slow answers of some merchants say little about the others."""
    calling = Calling()
    for number in range(3 * FAILED_TOKENS):
        calling.call(f"MRCHNT00000{number:02}", error=TimedOut())

    assert not calling.is_open(OTHER)


def test_the_return_of_a_region_closes_the_circuits_of_its_tokens() -> None:
    """They opened for the same reason, so none waits for a probe of its own."""
    calling = Calling()
    shops = [f"MRCHNT000000{number}" for number in range(FAILED_TOKENS)]
    for _ in range(4):
        for shop in shops:
            calling.call(shop, error=Unavailable())
        calling.clock.advance(1)
    calling.clock.advance(LAST_PROBE)
    assert calling.call("MRCHNT0000009")

    assert all(calling.call(shop) for shop in shops)


@given(
    outages=st.lists(st.tuples(st.floats(0.5, 60), st.floats(0.5, 60)), min_size=1, max_size=6),
    shops=st.integers(1, 6),
    every=st.sampled_from([0.07, 0.5, 3.0]),
)
def test_a_flapping_clover_is_neither_hammered_nor_forgotten(
    outages: list[tuple[float, float]], shops: int, every: float
) -> None:
    """In any sequence of outages a token sends few calls in each, and calls succeed soon after its end."""
    calling, names = Calling(), [f"MRCHNT000000{number}" for number in range(shops)]
    for up, down in outages:
        began, answered = calling.clock.monotonic(), dict[str, float]()
        while (now := calling.clock.monotonic()) < began + up:
            for name in names:
                if calling.call(name):
                    answered.setdefault(name, now)
            calling.clock.advance(every)
        if up > LAST_PROBE + every:
            assert all(answered[name] - began <= LAST_PROBE + 2 * every for name in names)
        began, before = calling.clock.monotonic(), len(calling.sent)
        while calling.clock.monotonic() < began + down:
            for name in names:
                calling.call(name, error=Unavailable())
            calling.clock.advance(every)
        for name in names:
            sent = sum(name == each for _, each in calling.sent[before:])
            assert sent <= FAILED_CALLS + 1 + down / (FIRST_PROBE / 2)
