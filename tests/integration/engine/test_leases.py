"""A process that lost a lease can commit nothing, and one that holds a lease keeps it while at work."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.engine.conftest import MERCHANT, Engine
from tests.support.eventually import eventually

from common.contracts.problems import Code
from common.db import lease
from common.work.batch import Batch
from common.work.kind import Kind
from common.work.worker import Worker

SOON, LATE = timedelta(seconds=30), timedelta(seconds=-1)
STEAL = "UPDATE lease SET token = gen_random_uuid(), expires_at = now() - interval '1 second'"


async def test_lost_lease_fences_off_its_former_holder(engine: Engine) -> None:
    """A process that lost the lease can commit nothing under it."""
    mine, theirs = uuid4(), uuid4()
    async with engine.database.connection() as conn:
        assert await lease.take(conn, ["m"], mine, LATE) == ["m"]
        assert await lease.take(conn, ["m"], theirs, SOON) == ["m"]
        assert await lease.take(conn, ["m"], mine, SOON) == []
        with pytest.raises(lease.LeaseLost):
            await lease.fence(conn, "m", mine)
        await lease.fence(conn, "m", theirs)


async def test_lost_lease_is_neither_prolonged_nor_released(engine: Engine) -> None:
    """A process that lost the lease does not change the lease of its new holder."""
    mine, theirs = uuid4(), uuid4()
    async with engine.database.connection() as conn:
        await lease.take(conn, ["m"], theirs, SOON)
        held = await engine.fetch("SELECT * FROM lease")
        await lease.prolong(conn, ["m"], mine, timedelta(hours=1))
        await lease.release(conn, ["m"], mine)

    assert await engine.fetch("SELECT * FROM lease") == held


async def test_lease_is_not_taken_during_a_commit(engine: Engine) -> None:
    """Between the fence and the commit another process waits, even when the lease has expired."""
    mine, theirs = uuid4(), uuid4()

    async def take_over() -> list[str]:
        async with engine.database.connection() as conn:
            return await lease.take(conn, ["m"], theirs, SOON)

    async with engine.database.unit() as unit:
        await unit.conn.execute("INSERT INTO lease VALUES ('m', $1, now())", mine)
    async with engine.database.unit() as unit:
        await lease.fence(unit.conn, "m", mine)
        taking = asyncio.create_task(take_over())
        await eventually(engine.waiting_for_locks)
        assert not taking.done()
    assert await taking == ["m"]


async def test_the_outcome_of_a_lost_lease_is_not_written(engine: Engine) -> None:
    """A worker that lost its lease during the work does not delete the row."""

    async def push(_: Batch, __: Any) -> None:
        await engine.fetch(STEAL)

    await work_once(engine, push)

    assert [row["key"] for row in await engine.fetch("SELECT key FROM work")] == ["a"]


async def test_long_work_keeps_its_lease(engine: Engine) -> None:
    """Work that takes longer than a lease renews it."""
    kept: list[bool] = []

    async def push(_: Batch, __: Any) -> None:
        taken = await engine.fetch("SELECT expires_at FROM lease")
        later = "SELECT FROM lease WHERE expires_at > $1"
        kept.append(bool(await eventually(lambda: engine.fetch(later, taken[0]["expires_at"]))))

    await engine.run(worker(engine, push).run)
    await mark(engine)

    await eventually(lambda: kept)


async def test_lease_is_renewed_although_commits_lock_it(engine: Engine) -> None:
    """With keys side by side some transaction of the merchant often runs; its end is waited for."""
    working = worker(engine, no_work)
    async with engine.database.connection() as conn:
        await lease.take(conn, [MERCHANT], working.turns.token, SOON)
    async with engine.database.unit() as unit:
        await lease.fence(unit.conn, MERCHANT, working.turns.token)
        renewing = asyncio.create_task(working.turns.prolonged([MERCHANT]))
        async with engine.database.connection() as conn:
            assert await lease.prolong(conn, [MERCHANT], working.turns.token, SOON) == []
        assert not renewing.done()

    assert await renewing == [MERCHANT]


async def no_work(_batch: Batch, _: Any) -> None: ...


async def test_turn_is_cancelled_when_its_lease_cannot_be_renewed(engine: Engine) -> None:
    """A worker stops acting for a merchant before another process may take it."""
    ended: list[str] = []

    async def push(batch: Batch, _: Any) -> None:
        if ended:
            return
        await engine.fetch("UPDATE lease SET token = gen_random_uuid(), expires_at = now()")
        try:
            await asyncio.Event().wait()
        finally:
            ended.extend(batch.keys)

    async def is_done() -> bool:
        return bool(ended) and not await engine.fetch("SELECT FROM work")

    await engine.run(worker(engine, push).run)
    await mark(engine)

    await eventually(is_done)


async def test_mark_without_a_wakeup_is_found_by_polling(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark of another process whose NOTIFY was lost is found within seconds."""
    done: list[str] = []

    async def push(batch: Batch, _: Any) -> None:
        done.extend(batch.keys)

    async def rests() -> bool:
        return done == ["a"] and not await engine.fetch("SELECT FROM lease")

    monkeypatch.setattr(engine.database.wakeups, "notify", lambda _: None)
    await mark(engine, "a")
    await engine.run(worker(engine, push).run)
    await eventually(rests)
    await mark(engine, "b")

    await eventually(lambda: done == ["a", "b"])


def worker(engine: Engine, push: Any) -> Worker:
    """A worker with one kind of work."""
    return Worker(engine.database, [Kind("push", push, refused=Code.ORDER_REJECTED)], None, engine.metrics)


async def mark(engine: Engine, key: str = "a") -> None:
    async with engine.database.unit() as unit:
        unit.mark("push", MERCHANT, key)


async def work_once(engine: Engine, push: Any) -> None:
    """Take what is due once, until that turn has ended."""
    await mark(engine)
    once = worker(engine, push)
    await once.poll()
    async with asyncio.timeout(10):
        await asyncio.gather(*once.turns.tasks.values())  # `settle` would take it again
