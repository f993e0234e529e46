"""Work that fails is attempted again, later each time, and reported when that lasts."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.integration.engine.conftest import Engine
from tests.integration.engine.work import events, mark, problem_events, rows, worker

from common.contracts.problems import Affected
from common.errors import Ambiguous, OutOfService, Throttled, TimedOut, Unavailable
from common.work.batch import DELAYED_AFTER, THROTTLED_AFTER, Batch


async def test_merchant_cools_down_while_clover_is_unavailable(engine: Engine) -> None:
    """After a failed batch the merchant cools down, longer each time, instead of failing row by row."""
    calls: list[int] = []

    async def push(batch: Batch) -> None:
        calls.append(len(batch.keys))
        raise Unavailable

    await mark(engine, *map(str, range(100)))
    patient = worker(engine, push=push)
    for _ in range(3):
        await patient.run_until_idle()
        engine.clock.advance(5)

    assert calls == [10] * 3


@pytest.mark.parametrize("error", [Unavailable(), Ambiguous()])
async def test_transient_failure_is_retried_with_backoff(engine: Engine, error: Exception) -> None:
    """A transient failure postpones the row by a growing delay, until it succeeds."""
    failures = [error] * 3

    async def push(_: Batch) -> None:
        if failures:
            raise failures.pop()

    await mark(engine, "a")
    for tries in range(1, 4):
        await worker(engine, push=push).run_until_idle()
        [row] = await rows(engine)
        assert (row["attempts"], row["held"]) == (tries, False)
        assert row["due_at"] > engine.clock.now()
        engine.clock.advance(120)
    await worker(engine, push=push).run_until_idle()
    assert await rows(engine) == []


@pytest.mark.parametrize("error", [Throttled(retry_after=timedelta(seconds=1)), OutOfService(), Throttled()])
async def test_throttled_keys_do_not_back_off_in_turn(engine: Engine, error: Throttled) -> None:
    """However often the calls were throttled, all keys are due again as soon as calls may be made, in their order."""
    refusals, done = [error] * 8, list[list[str]]()

    async def push(batch: Batch) -> None:
        if refusals:
            raise refusals.pop()
        done.append(batch.keys)

    keys = [str(number) for number in range(5)]
    await mark(engine, *keys)
    working = worker(engine, push=push)
    while refusals:
        await working.run_until_idle()
        engine.clock.advance(0.1)
    assert {row["attempts"] for row in await rows(engine)} == {0}
    engine.clock.advance(2)
    await working.run_until_idle()

    assert done == [keys]


async def test_retry_after_is_kept_despite_new_marks(engine: Engine) -> None:
    """The merchant has no turn before its Retry-After is over, and later marks do not shorten it."""
    calls: list[list[str]] = []

    async def push(batch: Batch) -> None:
        calls.append(batch.keys)
        if len(calls) == 1:
            raise Throttled(retry_after=timedelta(seconds=21))

    working = worker(engine, push=push)
    await mark(engine, "a")
    await working.run_until_idle()
    await mark(engine, "a", "b")
    engine.clock.advance(20)
    await working.run_until_idle()
    assert calls == [["a"]]
    engine.clock.advance(1)
    await working.run_until_idle()

    assert calls == [["a"], ["a", "b"]]


async def test_a_failing_key_keeps_its_backoff_despite_new_marks(engine: Engine) -> None:
    """Hints about a Clover that fails do not defeat the backoff."""

    async def push(_: Batch) -> None:
        raise Unavailable

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()
    [before] = await rows(engine)
    await mark(engine, "a")

    [after] = await rows(engine)
    assert after["due_at"] == before["due_at"] > engine.clock.now()


async def failing_until_reported(engine: Engine, error: Callable[[], Exception]) -> timedelta:
    """Let a key fail with the clock running from due time to due time, and return how long its problem took to open."""

    async def push(_: Batch) -> None:
        raise error()

    await mark(engine, "a")
    began, working = engine.clock.now(), worker(engine, push=push)
    while not await events(engine):
        await working.run_until_idle()
        engine.clock.advance(0.5)
    return engine.clock.now() - began


@pytest.mark.parametrize("error", [Unavailable, TimedOut, Ambiguous, ZeroDivisionError])
async def test_outage_is_reported_within_a_minute(engine: Engine, error: type[Exception]) -> None:
    """With the backoff and the cool-down in place, a key that always fails opens its problem after 30 to 60 seconds."""
    took = await failing_until_reported(engine, error)
    [row] = await rows(engine)

    if error is not ZeroDivisionError:  # a bug is held before
        assert DELAYED_AFTER <= took <= timedelta(minutes=1)
        assert '"code":"clover_unreachable"' in (await events(engine))[0]
        assert row["failing_since"] - (engine.clock.now() - took) < timedelta(seconds=1)
    assert took <= timedelta(minutes=1)


async def test_throttled_key_is_reported_later(engine: Engine) -> None:
    """A key that waits for its share of the calls is no outage; it is reported after minutes."""
    assert await failing_until_reported(engine, Throttled) >= THROTTLED_AFTER


async def test_long_failure_is_still_retried_until_it_succeeds(engine: Engine) -> None:
    """The problem opens once with the time of the first failure; the retries continue, and a success closes it."""
    failures = [Unavailable("no answer")] * 8

    async def push(batch: Batch) -> None:
        batch.subjects["a"] = "order 1001"
        if failures:
            raise failures.pop()

    began = engine.clock.now()
    await mark(engine, "a")
    while failures:
        await worker(engine, push=push).run_until_idle()
        engine.clock.advance(60)
    await worker(engine, push=push).run_until_idle()

    opened, closed = await problem_events(engine)
    assert opened.affected == [Affected(subject="order 1001", reason="no answer")]
    assert opened.failing_since == began
    assert closed.resumed_count == 1


async def test_success_ends_the_failing(engine: Engine) -> None:
    """A key that recovered and fails again later counts its thirty seconds anew."""
    fails = [True, False, True]

    async def push(batch: Batch) -> None:
        if fails.pop(0):
            raise Unavailable
        batch.repeat("a", timedelta(minutes=1))

    await mark(engine, "a")
    for _ in range(3):
        await worker(engine, push=push).run_until_idle()
        engine.clock.advance(60)

    [row] = await rows(engine)
    assert (row["attempts"], row["problem"]) == (1, None)
    assert await events(engine) == []
