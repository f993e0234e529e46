"""Work is done once asked for, in order, by one at a time, and what fails touches nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from tests.integration.engine.conftest import MERCHANT, Engine
from tests.integration.engine.work import OTHER, mark, rows, run_script, worker
from tests.support.eventually import eventually

from common.contracts.problems import Code
from common.db.lease import LeaseLost
from common.db.unit import Priority
from common.errors import Invalid
from common.work import table
from common.work.batch import Batch


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


async def test_a_live_change_does_not_wait_for_the_bulk_work_of_its_kind(engine: Engine) -> None:
    """Each batch is of one priority: bulk rows beside a live one would delay it, and take the calls of live work."""
    batches: list[tuple[list[str], Priority]] = []

    async def push(batch: Batch) -> None:
        batches.append((batch.keys, batch.priority))

    await mark(engine, "old", "older", priority=Priority.BULK)
    await mark(engine, "live", priority=Priority.LIVE)
    await worker(engine, push=push).run_until_idle()

    assert batches == [(["live"], Priority.LIVE), (["old", "older"], Priority.BULK)]


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
