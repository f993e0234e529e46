"""A refused key is held under a problem, which names it, until it is released, marked again or dropped."""

from datetime import timedelta

import pytest
from tests.integration.engine.conftest import MERCHANT, Engine
from tests.integration.engine.work import events, mark, problem_events, rows, worker

from common.contracts.problems import Affected, Code, ProblemClosed
from common.errors import Held, Rejected
from common.work import table
from common.work.batch import BUG_ATTEMPTS, Batch


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
