"""Work is done once asked for, in order, by one at a time, and what fails touches nothing else."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.engine.conftest import MERCHANT, Engine
from tests.support.eventually import eventually

from common.contracts.problems import Code
from common.db.lease import LeaseLost
from common.db.unit import Priority, Unit
from common.errors import Ambiguous, Held, Invalid, Rejected, Throttled, Unavailable
from common.work import table
from common.work.batch import DELAYED_ATTEMPTS, Batch, Hold, Kind, Outcome
from common.work.worker import BUG_ATTEMPTS, Worker

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


async def events(engine: Engine) -> list[str]:
    found = await engine.fetch("SELECT type, body FROM outbox ORDER BY position")
    return [f"{row['type']} {row['body'].decode()}" for row in found]


async def test_marks_of_one_thing_are_one_row_and_done_once(engine: Engine) -> None:
    """However often something is asked for before it is done, it is done once."""
    done: list[list[str]] = []

    async def push(batch: Batch) -> None:
        done.append(batch.keys)

    for _ in range(10):
        await mark(engine, "a", "b")
    await worker(engine, push=push).run_until_idle()

    assert done == [["a", "b"]]
    assert await rows(engine) == []


async def test_what_is_asked_for_while_it_is_done_is_done_again(engine: Engine) -> None:
    """A mark that comes during the work is not lost with its row."""
    done = []

    async def push(batch: Batch) -> None:
        done.append(batch.keys)
        if len(done) == 1:
            await mark(engine, "a")

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert done == [["a"], ["a"]]


@pytest.mark.parametrize("later", [Batch.retry, Batch.repeat])
async def test_what_is_asked_for_while_it_puts_itself_off_is_done_at_once(
    engine: Engine, later: Callable[[Batch, str, timedelta], None]
) -> None:
    """A mark that comes during the work counts for more than the time the work then asks for."""
    done = []

    async def push(batch: Batch) -> None:
        done.append(batch.keys)
        if len(done) == 1:
            await mark(engine, "a")
        later(batch, "a", timedelta(hours=1))

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert done == [["a"], ["a"]]


async def test_urgent_work_goes_first_and_each_lane_keeps_its_order(engine: Engine) -> None:
    """Priority decides, then age."""
    done: list[str] = []

    async def push(batch: Batch) -> None:
        done.extend(batch.keys)

    await mark(engine, "bulk", priority=Priority.BULK)
    await mark(engine, "first")
    await mark(engine, "second")
    await mark(engine, "live", priority=Priority.LIVE)
    await worker(engine, push=push).run_until_idle()

    assert done == ["live", "first", "second", "bulk"]


async def test_a_backlog_does_not_stand_before_what_others_want(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merchant whose oldest row is older than another's waits in line after its turn, however much it still has."""
    monkeypatch.setattr("common.work.worker.TURN_SECONDS", 0.5)
    done: list[str] = []

    async def push(batch: Batch) -> None:
        done.append(batch.merchant_id)
        engine.clock.advance(1)

    alone = worker(engine, concurrency=1, push=push)
    await mark(engine, *map(str, range(100)))
    await alone.poll()
    engine.clock.advance(60)
    await mark(engine, "sale", merchant=OTHER)
    async with engine.database.unit() as unit:
        unit.mark("push", MERCHANT, "more")
    await alone.run_until_idle()

    assert len(done) > 10
    assert done.index(OTHER) <= 2


async def test_nobody_is_called_on_and_on_who_takes_no_calls(engine: Engine) -> None:
    """When Clover does not answer for a batch the merchant rests, longer each time, instead of failing row by row."""
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


async def test_a_release_is_not_lost_on_work_under_way(engine: Engine) -> None:
    """What is refused while somebody puts the cause right is tried again, and not held for what is over."""
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


async def test_a_release_of_one_problem_leaves_those_held_for_another(engine: Engine) -> None:
    """What is refused for a reason of its own while another cause is put right waits all the same."""
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


async def test_an_outcome_that_meets_another_writer_is_written_again(engine: Engine) -> None:
    """A conflict in the database after the call does not cost the call once more."""
    calls: list[list[str]] = []

    async def push(batch: Batch) -> None:
        calls.append(batch.keys)

    async with engine.database.connection() as conn:
        await conn.execute(FAIL_ONCE)
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


async def test_whoever_lost_the_lease_can_write_nothing(engine: Engine) -> None:
    """A worker that slept past its lease commits neither its result nor the outcome; another does the work."""
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
    await eventually(lambda: all(turn.done() for turn in running._turns.values()))  # noqa: SLF001 - one turn only

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
    await eventually(lambda: all(turn.done() for turn in running._turns.values()))  # noqa: SLF001 - one turn only

    assert called == []
    assert await engine.noted() == []
    assert [row["key"] for row in await rows(engine)] == ["a"]


async def test_one_refused_row_stands_alone(engine: Engine) -> None:
    """Of a batch that is refused only the bad row is held, with the reason; the others are done."""

    async def push(batch: Batch) -> None:
        if "bad" in batch.keys:
            raise Rejected("Price must not be null")

    await mark(engine, *"abcd", "bad", *"efgh")
    await worker(engine, push=push).run_until_idle()

    [row] = await rows(engine)
    assert (row["key"], row["held"], row["problem"]) == ("bad", True, Code.ORDER_REJECTED)
    assert row["error"] == "Price must not be null"
    [told] = await events(engine)
    assert told.startswith("problem.opened.v1")
    assert '"waiting":1' in told


@pytest.mark.parametrize("error", [Unavailable(), Ambiguous(), Throttled()])
async def test_what_fails_for_now_is_taken_again_later(engine: Engine, error: Exception) -> None:
    """A transient failure postpones the row by a growing pause and then it is done."""
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


async def test_the_other_side_says_when_to_come_back(engine: Engine) -> None:
    """A retry_after is kept to, and hints that come meanwhile do not shorten it."""

    async def push(_: Batch) -> None:
        raise Throttled(retry_after=timedelta(seconds=21))

    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()
    await mark(engine, "a")

    [row] = await rows(engine)
    assert row["due_at"] == engine.clock.now() + timedelta(seconds=21)


async def test_what_is_held_is_taken_up_when_it_is_asked_for_again(engine: Engine) -> None:
    """What was refused is tried anew once somebody wants it again, and its problem is told and counted once."""
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
    assert [told.split()[0] for told in await events(engine)] == ["problem.opened.v1", "problem.closed.v1"]


async def test_what_fails_for_long_is_told_and_goes_on(engine: Engine) -> None:
    """After minutes of failures a problem says so, once; the tries go on, and the first that succeeds closes it."""
    failures = [Unavailable()] * (DELAYED_ATTEMPTS + 5)

    async def push(_: Batch) -> None:
        if failures:
            raise failures.pop()

    await mark(engine, "a")
    told: list[int] = []
    while failures:
        await worker(engine, push=push).run_until_idle()
        told.append(len(await events(engine)))
        engine.clock.advance(120)
    await worker(engine, push=push).run_until_idle()

    assert told == [0] * (DELAYED_ATTEMPTS - 1) + [1] * 6
    opened, closed = await events(engine)
    assert '"code":"clover_unreachable"' in opened
    assert closed.startswith("problem.closed.v1")


async def test_what_is_asked_for_anew_while_it_is_refused_is_tried_anew(engine: Engine) -> None:
    """A refusal of the old does not hold the new that was put in its place meanwhile."""
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


async def test_a_bug_ends_held_and_its_neighbours_are_done(engine: Engine) -> None:
    """A row on which the code stumbles is held after a few tries and tells nothing of its values."""

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


async def test_held_work_waits_and_flows_in_order_when_released(engine: Engine) -> None:
    """Held rows are not tried; once released they go oldest first, and the problem closes with their number."""
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
    assert [told for told in await events(engine) if "closed" in told] == []
    opened = await events(engine)
    assert '"waiting":25' in opened[-1]

    ready.append(True)
    async with engine.database.unit() as unit:
        assert await table.release(unit, MERCHANT, Code.ORDER_TYPE_MISSING) == len(keys)
    await worker(engine, push=push).run_until_idle()

    assert sent == keys
    closed = [told for told in await events(engine) if "closed" in told]
    assert len(closed) == 1
    assert '"resumed_count":25' in closed[0]


async def test_a_problem_stays_open_while_one_still_waits_for_it(engine: Engine) -> None:
    """Retrying one held row that then succeeds lowers the number; only the last one closes the problem."""
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

    told = await events(engine)
    assert [each.split()[0] for each in told] == ["problem.opened.v1", "problem.opened.v1", "problem.closed.v1"]
    assert '"waiting":1' in told[1]
    assert '"resumed_count":2' in told[2]


async def test_what_is_not_wanted_any_more_stops_waiting(engine: Engine) -> None:
    """A held row that is dropped is gone and no problem counts it; one that is not held is left to the worker."""

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


async def test_recurring_work_that_went_through_waits_for_nothing(engine: Engine) -> None:
    """A sweep that was held and then succeeds closes its problem, although its row stays."""
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
    assert [told.split()[0] for told in await events(engine)] == ["problem.opened.v1", "problem.closed.v1"]


async def test_recurring_work_marks_itself_again(engine: Engine) -> None:
    """A row that asks to be taken again is taken when due, not before, and sooner when somebody asks."""
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
    """After a roll-back, rows of the newer version are kept, and the known kinds go on."""
    done = []

    async def push(batch: Batch) -> None:
        done.extend(batch.keys)

    await mark(engine, "x", kind="newer", priority=Priority.LIVE)
    await mark(engine, "a")
    await worker(engine, push=push).run_until_idle()

    assert done == ["a"]
    assert [row["kind"] for row in await rows(engine)] == ["newer"]


async def test_work_with_an_unknown_problem_waits_for_a_version_that_knows_it(engine: Engine) -> None:
    """After a roll-back, what waited for a problem of the newer version is left alone, and the rest goes on."""
    done = []

    async def push(batch: Batch) -> None:
        done.extend(batch.keys)

    await mark(engine, "x", "a")
    await engine.fetch("UPDATE work SET problem = 'of a newer version' WHERE key = 'x'")
    await worker(engine, push=push).run_until_idle()

    assert done == ["a"]
    assert [row["problem"] for row in await rows(engine)] == ["of a newer version"]


async def test_invalid_input_of_one_merchant_leaves_others_alone(engine: Engine) -> None:
    """A merchant whose every row is refused does not keep another's from being done."""
    done = []

    async def push(batch: Batch) -> None:
        if batch.merchant_id == MERCHANT:
            raise Invalid.field("sku", "is unknown", "Send another.")
        done.extend(batch.keys)

    await mark(engine, *map(str, range(30)))
    await mark(engine, "a", merchant=OTHER)
    await worker(engine, push=push).run_until_idle()

    assert done == ["a"]


async def test_a_stopping_worker_finishes_and_gives_back_its_lease(engine: Engine) -> None:
    """What is under way when the stop comes ends well, and the next start need not wait for the lease."""
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
