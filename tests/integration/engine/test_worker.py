"""Work is done once asked for, in order, by one at a time, and what fails touches nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.engine.conftest import MERCHANT, Engine
from tests.support.eventually import eventually

from common.contracts.envelope import Event
from common.contracts.problems import Affected, Code, ProblemClosed
from common.db.lease import LeaseLost
from common.db.unit import Priority, Unit
from common.errors import Ambiguous, Held, Invalid, OutOfService, Rejected, Throttled, TimedOut, Unavailable
from common.work import table
from common.work.batch import BUG_ATTEMPTS, DELAYED_AFTER, THROTTLED_AFTER, Batch
from common.work.kind import Kind
from common.work.row import Hold, Outcome
from common.work.worker import Worker

OTHER = "MRCHNT0000002"
Sync = Callable[[Batch], Awaitable[None]]


def worker(engine: Engine, *, concurrency: int = 16, **functions: Sync) -> Worker:
    """A worker whose kinds are these functions."""

    def ignoring_deps(function: Sync) -> Callable[[Batch, Any], Awaitable[None]]:
        return lambda batch, _: function(batch)

    kinds = [Kind(name, ignoring_deps(each), refused=Code.ORDER_REJECTED, batch=10) for name, each in functions.items()]
    return Worker(engine.database, kinds, None, engine.metrics, concurrency=concurrency)


async def mark(engine: Engine, *keys: str, kind: str = "push", merchant: str = MERCHANT, **how: Any) -> None:
    async with engine.database.unit() as unit:
        unit.mark(kind, merchant, keys, **how)


async def rows(engine: Engine) -> list[dict[str, Any]]:
    return [dict(row) for row in await engine.fetch("SELECT * FROM work ORDER BY id")]


async def run_script(engine: Engine, script: str) -> None:
    async with engine.database.connection() as conn:
        await conn.execute(script)


async def events(engine: Engine) -> list[str]:
    found = await engine.fetch("SELECT type, body FROM outbox ORDER BY position")
    return [f"{row['type']} {row['body'].decode()}" for row in found]


async def problem_events(engine: Engine) -> list[Any]:
    found = await engine.fetch("SELECT type, body FROM outbox ORDER BY position")
    return [Event.registry[row["type"]].decode(row["body"]) for row in found]


async def test_marks_of_one_key_are_one_row_and_done_once(engine: Engine) -> None:
    """A key that is marked several times before its work is done once."""
    done: list[list[str]] = []

    async def push(batch: Batch) -> None:
        done.append(batch.keys)

    for _ in range(10):
        await mark(engine, "a", "b")
    await worker(engine, push=push).run_until_idle()

    assert done == [["a", "b"]]
    assert await rows(engine) == []


async def test_mark_during_the_work_is_done_again(engine: Engine) -> None:
    """A mark that comes during the work is not deleted with its row."""
    done = []

    async def push(batch: Batch) -> None:
        done.append(batch.keys)
        if len(done) == 1:
            await mark(engine, "a")

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert done == [["a"], ["a"]]


@pytest.mark.parametrize("later", [Batch.retry, Batch.repeat])
async def test_mark_during_the_work_overrides_its_later_due_time(
    engine: Engine, later: Callable[[Batch, str, timedelta], None]
) -> None:
    """A key that is marked during the work is due at once, even if the outcome names a later time."""
    done = []

    async def push(batch: Batch) -> None:
        done.append(batch.keys)
        if len(done) == 1:
            await mark(engine, "a")
        later(batch, "a", timedelta(hours=1))

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert done == [["a"], ["a"]]


async def test_work_runs_by_priority_then_by_age(engine: Engine) -> None:
    """The lowest priority number runs first; within a priority the oldest row does."""
    done: list[str] = []

    async def push(batch: Batch) -> None:
        done.extend(batch.keys)

    await mark(engine, "bulk", priority=Priority.BULK)
    await mark(engine, "first")
    await mark(engine, "second")
    await mark(engine, "live", priority=Priority.LIVE)
    await worker(engine, push=push).run_until_idle()

    assert done == ["live", "first", "second", "bulk"]


@pytest.mark.parametrize("priority", [Priority.NORMAL, Priority.BULK], ids=["urgent", "background"])
async def test_backlog_does_not_starve_other_merchants(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, priority: Priority
) -> None:
    """A merchant with the oldest row waits in line after its turn, even with a backlog, also of background work."""
    monkeypatch.setattr("common.work.worker.TURN_SECONDS", 0.5)
    done: list[str] = []

    async def push(batch: Batch) -> None:
        done.append(batch.merchant_id)
        engine.clock.advance(1)

    alone = worker(engine, concurrency=1, push=push)
    await mark(engine, *map(str, range(100)), priority=priority)
    await alone.poll()
    engine.clock.advance(60)
    await mark(engine, "sale", merchant=OTHER, priority=priority)
    async with engine.database.unit() as unit:
        unit.mark("push", MERCHANT, "more", priority=priority)
    await alone.run_until_idle()

    assert len(done) > 10
    assert done.index(OTHER) <= 2


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


async def test_release_during_the_work_is_not_lost(engine: Engine) -> None:
    """A key that is refused while its problem is released is attempted again instead of held."""
    calls: list[list[str]] = []

    async def push(batch: Batch) -> None:
        calls.append(batch.keys)
        if len(calls) == 1:
            async with engine.database.unit() as unit:
                await table.release(unit, MERCHANT, Code.CONNECTION_LOST)
            raise Held(Code.CONNECTION_LOST)

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert len(calls) == 2
    assert await rows(engine) == []
    assert (await events(engine))[-1].startswith("problem.closed.v1")


@pytest.mark.parametrize("during", [True, False])
async def test_release_ends_the_wait_for_the_next_attempt(engine: Engine, *, during: bool) -> None:
    """A key that waits an hour for its next attempt is due when its problem is released, also during the work."""
    calls: list[list[str]] = []

    async def release() -> None:
        async with engine.database.unit() as unit:
            await table.release(unit, MERCHANT, Code.CONNECTION_LOST)

    async def push(batch: Batch) -> None:
        calls.append(batch.keys)
        if len(calls) == 1:
            batch.retry("a", timedelta(hours=1), Code.CONNECTION_LOST)
            if during:
                await release()

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()
    if not during:
        await release()
        await worker(engine, push=push).run_until_idle()

    assert len(calls) == 2
    assert await rows(engine) == []
    assert (await events(engine))[-1].startswith("problem.closed.v1")


async def test_release_during_an_attempt_that_fails_is_not_lost(engine: Engine) -> None:
    """A key that waits under a problem since an earlier attempt, and fails while it is released, is attempted again."""
    calls: list[list[str]] = []

    async def push(batch: Batch) -> None:
        calls.append(batch.keys)
        if len(calls) == 1:
            batch.retry("a", timedelta(0), Code.CONNECTION_LOST)
        if len(calls) == 2:
            async with engine.database.unit() as unit:
                await table.release(unit, MERCHANT, Code.CONNECTION_LOST)
            batch.retry("a", timedelta(hours=1))

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert len(calls) == 3
    assert await rows(engine) == []


async def test_release_of_one_problem_keeps_work_held_under_another(engine: Engine) -> None:
    """A key that is refused for another problem is held, although a release came during the work."""
    calls: list[list[str]] = []

    async def push(batch: Batch) -> None:
        calls.append(batch.keys)
        async with batch.unit() as unit:
            await table.release(unit, MERCHANT, Code.ORDER_TYPE_MISSING)
        batch.hold("a", Code.ORDER_REJECTED, "no")

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert len(calls) == 1
    [row] = await rows(engine)
    assert (row["held"], row["problem"]) == (True, Code.ORDER_REJECTED)


FAIL_ONCE = """
CREATE SEQUENCE tries;
CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') = 1 THEN RAISE EXCEPTION 'once' USING ERRCODE = 'serialization_failure'; END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER fail_once BEFORE DELETE ON work FOR EACH ROW EXECUTE FUNCTION fail_once();
"""


@pytest.fixture
async def first_delete_conflicts(engine: Engine) -> AsyncIterator[None]:
    """A database in which the first deletion of work meets another transaction."""
    await run_script(engine, FAIL_ONCE)
    yield
    await run_script(engine, "DROP FUNCTION fail_once CASCADE; DROP SEQUENCE tries")


@pytest.mark.usefixtures("first_delete_conflicts")
async def test_outcome_is_written_again_after_a_conflict(engine: Engine) -> None:
    """A conflict in the database does not repeat the call."""
    calls: list[list[str]] = []

    async def push(batch: Batch) -> None:
        calls.append(batch.keys)

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert calls == [["a"]]
    assert await rows(engine) == []


async def test_two_replicas_never_work_for_a_merchant_at_once(engine: Engine) -> None:
    """While one replica acts for a merchant the other finds nothing to do there, but elsewhere."""
    acting: dict[str, int] = {}
    most: dict[str, int] = {}

    async def push(batch: Batch) -> None:
        acting[batch.merchant_id] = acting.get(batch.merchant_id, 0) + 1
        most[batch.merchant_id] = max(most.get(batch.merchant_id, 0), acting[batch.merchant_id])
        await asyncio.sleep(0)
        acting[batch.merchant_id] -= 1

    for merchant in (MERCHANT, OTHER):
        await mark(engine, *map(str, range(60)), merchant=merchant)
    await asyncio.gather(*(worker(engine, push=push).run_until_idle() for _ in range(4)))
    await worker(engine, push=push).run_until_idle()

    assert most == {MERCHANT: 1, OTHER: 1}
    assert await rows(engine) == []


async def test_worker_without_its_lease_writes_nothing(engine: Engine) -> None:
    """A batch that lost its lease raises LeaseLost instead of writing."""
    refused = []

    async def push(batch: Batch) -> None:
        await engine.fetch("UPDATE lease SET token = gen_random_uuid(), expires_at = now() - interval '1 s'")
        try:
            async with batch.unit():
                pass
        except LeaseLost:
            refused.append(batch.keys)
            raise

    await mark(engine, "a")
    first = worker(engine, push=push)
    await first.poll()
    await eventually(lambda: refused)

    assert [row["key"] for row in await rows(engine)] == ["a"]


async def test_the_outcome_hook_writes_with_the_outcomes(engine: Engine) -> None:
    """The hook is called once per batch, for every key; what it writes commits with the outcomes."""
    calls: list[dict[str, Outcome | None]] = []

    async def push(batch: Batch, _: object) -> None:
        batch.hold("b", Code.ORDER_REJECTED, "no")

    async def note(unit: Unit, merchant_id: str, outcomes: Mapping[str, Outcome | None]) -> None:
        calls.append(dict(outcomes))
        keys = [f"{merchant_id} {key}" for key, outcome in outcomes.items() if isinstance(outcome, Hold)]
        await unit.conn.execute("INSERT INTO noted (text) SELECT unnest($1::text[])", keys)

    await mark(engine, "a", "b", "c")
    kind = Kind("push", push, refused=Code.ORDER_REJECTED, on_outcomes=note)
    await Worker(engine.database, [kind], None, engine.metrics).run_until_idle()

    assert calls == [{"a": None, "b": Hold(Code.ORDER_REJECTED, "no"), "c": None}]
    assert await engine.noted() == [f"{MERCHANT} b"]
    assert [row["key"] for row in await rows(engine)] == ["b"]


async def test_a_failed_outcome_hook_leaves_no_outcome(engine: Engine) -> None:
    """When the hook's transaction is rolled back, neither its writes nor the outcomes remain."""

    async def push(_batch: Batch, _: object) -> None: ...

    async def note(unit: Unit, _merchant_id: str, _outcomes: Mapping[str, Outcome | None]) -> None:
        await unit.conn.execute("INSERT INTO noted (text) VALUES ('written')")
        raise Unavailable

    await mark(engine, "a")
    kind = Kind("push", push, refused=Code.ORDER_REJECTED, on_outcomes=note)
    running = Worker(engine.database, [kind], None, engine.metrics)
    await running.poll()
    await eventually(lambda: all(turn.done() for turn in running.turns.tasks.values()))  # one turn only

    assert await engine.noted() == []
    assert [row["key"] for row in await rows(engine)] == ["a"]


async def test_a_lost_lease_writes_neither_outcome_nor_hook(engine: Engine) -> None:
    """The hook of a worker whose lease went to another is not committed."""
    called = []

    async def push(batch: Batch, _: object) -> None:
        await engine.fetch("UPDATE lease SET token = gen_random_uuid() WHERE name = $1", batch.merchant_id)

    async def note(unit: Unit, _merchant_id: str, outcomes: Mapping[str, Outcome | None]) -> None:
        called.append(outcomes)
        await unit.conn.execute("INSERT INTO noted (text) VALUES ('written')")

    await mark(engine, "a")
    kind = Kind("push", push, refused=Code.ORDER_REJECTED, on_outcomes=note)
    running = Worker(engine.database, [kind], None, engine.metrics)
    await running.poll()
    await eventually(lambda: all(turn.done() for turn in running.turns.tasks.values()))  # one turn only

    assert called == []
    assert await engine.noted() == []
    assert [row["key"] for row in await rows(engine)] == ["a"]


async def test_refused_row_is_held_alone(engine: Engine) -> None:
    """Of a batch that is refused only the bad row is held, with the reason; the others are done."""

    async def push(batch: Batch) -> None:
        if "bad" in batch.keys:
            raise Rejected("Price must not be null")

    await mark(engine, *"abcd", "bad", *"efgh")
    await worker(engine, push=push).run_until_idle()

    [row] = await rows(engine)
    assert (row["key"], row["held"], row["problem"]) == ("bad", True, Code.ORDER_REJECTED)
    assert row["error"] == "Price must not be null"
    [event] = await events(engine)
    assert event.startswith("problem.opened.v1")
    assert '"waiting":1' in event


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


async def test_held_key_is_attempted_again_after_a_mark(engine: Engine) -> None:
    """A held key is attempted again once it is marked, and its problem counts it once."""
    tries: list[list[str]] = []

    async def push(batch: Batch) -> None:
        tries.append(batch.keys)
        if len(tries) < 3:
            batch.hold("a", Code.ORDER_REJECTED, "no")

    for _ in range(3):
        await mark(engine, "a")
        await worker(engine, push=push).run_until_idle()

    assert len(tries) == 3
    assert await rows(engine) == []
    assert [event.split()[0] for event in await events(engine)] == ["problem.opened.v1", "problem.closed.v1"]


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


async def test_problem_names_the_first_of_what_it_affects(engine: Engine) -> None:
    """Each held key is named with its reason, oldest first, ten at most; the count covers all."""

    async def push(batch: Batch) -> None:
        for key in batch.keys:
            batch.subjects[key] = f"order {key}"
            batch.hold(key, Code.ORDER_REJECTED, f"{key} is too long")

    await mark(engine, *"abcdefghijkl")
    await worker(engine, push=push).run_until_idle()

    last = (await problem_events(engine))[-1]
    assert last.waiting == 12
    assert last.affected == [Affected(subject=f"order {key}", reason=f"{key} is too long") for key in "abcdefghij"]


async def test_new_reason_of_a_held_key_is_reported(engine: Engine) -> None:
    """A key that is refused again for another reason shows that reason, and is still counted once."""
    reasons = ["no name", "no price", "no price"]

    async def push(batch: Batch) -> None:
        batch.hold("a", Code.PRODUCT_REJECTED, reasons.pop(0), subject="SKU-1")

    for _ in range(3):
        await mark(engine, "a")
        await worker(engine, push=push).run_until_idle()

    published = await problem_events(engine)
    assert [(each.waiting, each.affected[0].reason) for each in published] == [(1, "no name"), (1, "no price")]
    assert published[0].revision < published[1].revision


async def test_dropped_key_has_not_gone_through(engine: Engine) -> None:
    """Work that is no longer wanted leaves its problem without being counted as resumed."""
    attempts: list[list[str]] = []

    async def push(batch: Batch) -> None:
        attempts.append(batch.keys)
        for key in batch.keys:
            if len(attempts) == 1:
                batch.hold(key, Code.ORDER_REJECTED, "no", subject=key)
            elif key == "cancelled":
                batch.drop(key)

    await mark(engine, "cancelled", "corrected")
    for _ in range(2):
        await worker(engine, push=push).run_until_idle()
        await mark(engine, "cancelled", "corrected")
    await worker(engine, push=push).run_until_idle()

    closed = (await problem_events(engine))[-1]
    assert isinstance(closed, ProblemClosed)
    assert closed.resumed_count == 1


async def test_mark_during_the_work_survives_a_drop(engine: Engine) -> None:
    """A key that is marked while it is dropped is wanted again."""
    done = []

    async def push(batch: Batch) -> None:
        done.append(batch.keys)
        if len(done) == 1:
            await mark(engine, "a")
            batch.drop("a")

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert done == [["a"], ["a"]]
    assert await rows(engine) == []


async def test_mark_during_a_refusal_is_attempted_again(engine: Engine) -> None:
    """A refusal of the old state does not hold the new state that was marked meanwhile."""
    tries: list[list[str]] = []

    async def push(batch: Batch) -> None:
        tries.append(batch.keys)
        if len(tries) == 1:
            await mark(engine, "a")
            batch.hold("a", Code.ORDER_REJECTED, "too long a name")

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert tries == [["a"], ["a"]]
    assert await rows(engine) == []
    assert "problem.closed.v1" in (await events(engine))[-1]


async def test_bug_holds_its_key_and_no_other(engine: Engine) -> None:
    """A key on which the code fails is held after a few attempts, without its values in the reason."""

    async def push(batch: Batch) -> None:
        if "bad" in batch.keys:
            raise ZeroDivisionError("secret")

    await mark(engine, "a", "bad", "b")
    for _ in range(BUG_ATTEMPTS):
        await worker(engine, push=push).run_until_idle()
        engine.clock.advance(120)

    [row] = await rows(engine)
    assert (row["key"], row["held"]) == ("bad", True)
    assert "ZeroDivisionError at" in row["error"]
    assert "secret" not in row["error"]


async def test_released_work_runs_in_order(engine: Engine) -> None:
    """Held keys are not attempted; once released they run oldest first, and the problem closes with their number."""
    ready: list[bool] = []
    sent: list[str] = []

    async def push(batch: Batch) -> None:
        if not ready:
            raise Held(Code.ORDER_TYPE_MISSING)
        sent.extend(batch.keys)

    keys = [f"{number:02}" for number in range(25)]
    for key in keys:
        await mark(engine, key)
    await worker(engine, push=push).run_until_idle()
    assert [event for event in await events(engine) if "closed" in event] == []
    opened = await events(engine)
    assert '"waiting":25' in opened[-1]

    ready.append(True)
    async with engine.database.unit() as unit:
        assert await table.release(unit, MERCHANT, Code.ORDER_TYPE_MISSING) == len(keys)
    await worker(engine, push=push).run_until_idle()

    assert sent == keys
    closed = [event for event in await events(engine) if "closed" in event]
    assert len(closed) == 1
    assert '"resumed_count":25' in closed[0]


async def test_problem_stays_open_while_a_key_waits_under_it(engine: Engine) -> None:
    """The success of one held key lowers the number; only the last one closes the problem."""
    good: set[str] = set()

    async def push(batch: Batch) -> None:
        for key in batch.keys:
            if key not in good:
                batch.hold(key, Code.ORDER_REJECTED, "no")

    await mark(engine, "a", "b")
    await worker(engine, push=push).run_until_idle()
    for key in ("a", "b"):
        good.add(key)
        async with engine.database.unit() as unit:
            assert await table.retry(unit, MERCHANT, "push", key)
        await worker(engine, push=push).run_until_idle()

    published = await events(engine)
    assert [each.split()[0] for each in published] == ["problem.opened.v1", "problem.opened.v1", "problem.closed.v1"]
    assert '"waiting":1' in published[1]
    assert '"resumed_count":2' in published[2]


async def test_dropped_key_stops_waiting(engine: Engine) -> None:
    """A held key that is dropped is deleted and no longer counted; any other key is left to the worker."""

    async def push(_: Batch) -> None:
        raise Held(Code.ORDER_TYPE_MISSING)

    await mark(engine, "a", "b")
    await worker(engine, push=push).run_until_idle()
    await mark(engine, "c")
    async with engine.database.unit() as unit:
        dropped = [await table.drop(unit, MERCHANT, "push", key) for key in "abcd"]

    assert dropped == [True, True, False, False]
    assert [row["key"] for row in await rows(engine)] == ["c"]
    opened, fewer, closed = await events(engine)
    assert '"waiting":2' in opened
    assert '"waiting":1' in fewer
    assert closed.startswith("problem.closed.v1")
    assert '"resumed_count":0' in closed


async def test_repeated_work_that_succeeded_closes_its_problem(engine: Engine) -> None:
    """A held sweep that later succeeds closes its problem, although its row stays."""
    refused = [True]

    async def sweep(batch: Batch) -> None:
        if refused:
            refused.clear()
            raise Held(Code.CONNECTION_LOST)
        batch.repeat("all", timedelta(minutes=5))

    await mark(engine, "all", kind="sweep")
    running = worker(engine, sweep=sweep)
    await running.run_until_idle()
    async with engine.database.unit() as unit:
        await table.release(unit, MERCHANT, Code.CONNECTION_LOST)
    await running.run_until_idle()

    [row] = await rows(engine)
    assert (row["held"], row["problem"]) == (False, None)
    assert [event.split()[0] for event in await events(engine)] == ["problem.opened.v1", "problem.closed.v1"]


async def test_repeated_work_is_due_again(engine: Engine) -> None:
    """A repeated key runs at its due time, not before, and sooner when it is marked."""
    taken = []

    async def sweep(batch: Batch) -> None:
        taken.append(engine.clock.now())
        batch.repeat("all", timedelta(minutes=5))

    await mark(engine, "all", kind="sweep")
    running = worker(engine, sweep=sweep)
    await running.run_until_idle()
    await running.run_until_idle()
    assert len(taken) == 1
    await mark(engine, "all", kind="sweep")
    await running.run_until_idle()
    engine.clock.advance(301)
    await running.run_until_idle()
    assert len(taken) == 3


async def test_work_of_an_unknown_kind_waits_for_a_version_that_knows_it(engine: Engine) -> None:
    """After a rollback, rows of the newer version are kept, and known kinds continue."""
    done = []

    async def push(batch: Batch) -> None:
        done.extend(batch.keys)

    await mark(engine, "x", kind="newer", priority=Priority.LIVE)
    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert done == ["a"]
    assert [row["kind"] for row in await rows(engine)] == ["newer"]


async def test_work_with_an_unknown_problem_waits_for_a_version_that_knows_it(engine: Engine) -> None:
    """After a rollback, rows with a problem of the newer version are kept, and the others continue."""
    done = []

    async def push(batch: Batch) -> None:
        done.extend(batch.keys)

    await mark(engine, "x", "a")
    await engine.fetch("UPDATE work SET problem = 'of a newer version' WHERE key = 'x'")
    await worker(engine, push=push).run_until_idle()

    assert done == ["a"]
    assert [row["problem"] for row in await rows(engine)] == ["of a newer version"]


async def test_invalid_input_of_one_merchant_leaves_others_alone(engine: Engine) -> None:
    """A merchant whose every row is refused does not block another merchant."""
    done = []

    async def push(batch: Batch) -> None:
        if batch.merchant_id == MERCHANT:
            raise Invalid.field("sku", "is unknown", "Send another.")
        done.extend(batch.keys)

    await mark(engine, *map(str, range(30)))
    await mark(engine, "a", merchant=OTHER)
    await worker(engine, push=push).run_until_idle()

    assert done == ["a"]


async def test_stopping_worker_finishes_and_releases_its_lease(engine: Engine) -> None:
    """A running batch completes after a stop, and the next start does not wait for the lease."""
    started, go_on, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def push(_: Batch) -> None:
        started.set()
        await go_on.wait()

    await mark(engine, "a")
    running = asyncio.create_task(worker(engine, push=push).run(stop))
    await started.wait()
    stop.set()
    engine.database.wakeups.wake_all()
    go_on.set()
    await asyncio.wait_for(running, 5)

    assert await rows(engine) == []
    assert await engine.fetch("SELECT FROM lease") == []
