"""Due merchants and due rows are found at the same cost however many there are, and none is lost."""

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.integration.engine.conftest import MERCHANT, Engine
from tests.support.eventually import eventually

from common.contracts.problems import Code
from common.db import lease
from common.db.unit import Priority
from common.errors import Unavailable
from common.work import table
from common.work.batch import Batch
from common.work.kind import Kind
from common.work.leased import LEASE
from common.work.table import turns
from common.work.worker import Worker

OTHER = "MRCHNT0000002"
MANY = 20_000
FEW_PAGES = 60
"""Pages of 8 kB that a look may touch; to walk the rows of these tests takes hundreds."""

MANY_MERCHANTS = """
INSERT INTO work (merchant_id, kind, key, priority, due_at)
SELECT 'M' || n, 'sweep', 'all', 9, $1::timestamptz + interval '1 s' * n FROM generate_series(1, $2::integer) AS n
"""
MANY_ROWS = """
INSERT INTO work (merchant_id, kind, key, priority, due_at)
SELECT $1, 'push', 'later-' || n, 0, $2::timestamptz + interval '1 hour' FROM generate_series(1, $3::integer) AS n
"""
STALE_LEASES = """
INSERT INTO lease (name, token, expires_at)
SELECT 'gone-' || n, gen_random_uuid(), now() - interval '1 day' FROM generate_series(1, $1::integer) AS n
"""


def worker(engine: Engine, function: Any, **how: Any) -> Worker:
    kinds = [Kind(name, function, refused=Code.ORDER_REJECTED, batch=10) for name in ("push", "sweep")]
    return Worker(engine.database, kinds, None, engine.metrics, **how)


async def mark(engine: Engine, *keys: str, merchant: str = MERCHANT, **how: Any) -> None:
    async with engine.database.unit() as unit:
        unit.mark("push", merchant, keys, **how)


async def take(engine: Engine, token: UUID | None = None, limit: int = 10) -> list[str]:
    async with engine.database.connection() as conn:
        return list(await table.take(conn, engine.clock.now(), limit, token or uuid4(), LEASE))


async def end_turn(engine: Engine, token: UUID, merchant: str = MERCHANT) -> None:
    async with engine.database.unit() as unit:
        await table.end_turn(unit, merchant, token)


async def due_at(engine: Engine) -> list[datetime]:
    return [row["due_at"] for row in await engine.fetch("SELECT due_at FROM due_merchant")]


async def pages(engine: Engine, statement: str, *arguments: Any) -> int:
    """Run a statement and return the number of 8 kB pages that it touched."""
    async with engine.database.connection() as conn:
        await conn.execute("ANALYZE work, due_merchant, lease")
        explained = await conn.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *arguments)
    plan = json.loads(explained)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_a_look_does_not_walk_the_merchants(engine: Engine) -> None:
    """Taking the first of many merchants, and finding the time of the next, touches a few pages."""
    await engine.fetch(MANY_MERCHANTS, engine.clock.now(), MANY)
    async with engine.database.connection() as conn:
        await table.repair(conn, engine.clock.now())
    soon = engine.clock.now() + timedelta(seconds=3)

    assert await pages(engine, turns.TAKE, soon, [], 16, uuid4(), LEASE, 16) <= FEW_PAGES
    assert await pages(engine, turns.NEXT_READY, soon) <= FEW_PAGES
    assert [row["name"] for row in await engine.fetch("SELECT name FROM lease ORDER BY name")] == ["M1", "M2", "M3"]


async def test_postponed_rows_do_not_slow_the_due_ones(engine: Engine) -> None:
    """Among many rows of a merchant that are due later, the due one is found, and its turn ended, in a few pages."""
    await engine.fetch(MANY_ROWS, MERCHANT, engine.clock.now(), MANY)
    await mark(engine, "now")
    looked = MERCHANT, engine.clock.now(), 200, turns.PRIORITIES

    async with engine.database.connection() as conn:
        assert [row.key for row in await table.due(conn, *looked[:3])] == ["now"]
    assert await pages(engine, turns.DUE, *looked) <= FEW_PAGES
    ended = MERCHANT, turns.PRIORITIES, engine.clock.now(), True, engine.clock.now()
    assert await pages(engine, turns.END_TURN, *ended, 9) <= FEW_PAGES


async def test_leases_of_killed_processes_cost_nothing_and_go(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stale leases do not slow a look; they are deleted in portions, and those of an hour ago only."""
    monkeypatch.setattr(lease, "FORGET_AT_ONCE", 7_000)
    await engine.fetch(STALE_LEASES, MANY)
    await mark(engine, "a")
    assert await pages(engine, turns.TAKE, engine.clock.now(), [], 16, uuid4(), LEASE, 16) <= FEW_PAGES

    async with engine.database.connection() as conn:
        await lease.forget_expired(conn)
    assert [row["name"] for row in await engine.fetch("SELECT name FROM lease")] == [MERCHANT]


async def test_a_limit_of_zero_takes_nothing(engine: Engine) -> None:
    """A worker without a free place leases nobody."""
    await mark(engine, "a")
    assert await take(engine, limit=0) == []
    assert await engine.fetch("SELECT FROM lease") == []


async def test_a_merchant_without_work_is_forgotten(engine: Engine) -> None:
    """Once all work is done, no row of the merchant is left to be found."""

    async def push(_: Batch, __: object) -> None: ...

    await mark(engine, "a")
    assert len(await due_at(engine)) == 1
    await worker(engine, push).run_until_idle()
    assert await due_at(engine) == []


async def test_a_turn_ends_with_the_time_of_the_next_row(engine: Engine) -> None:
    """The merchant is found again when its next row is due, of any priority, and not before."""
    token, later = uuid4(), engine.clock.now() + timedelta(minutes=5)
    await mark(engine, "later", due=later, priority=Priority.BULK)
    await mark(engine, "latest", due=later + timedelta(hours=1), priority=Priority.LIVE)
    await mark(engine, "now")
    await take(engine, token)
    await engine.fetch("DELETE FROM work WHERE key = 'now'")
    await end_turn(engine, token)

    assert await due_at(engine) == [later]
    assert await take(engine) == []
    engine.clock.advance(timedelta(minutes=5))
    assert await take(engine) == [MERCHANT]


async def test_a_mark_that_commits_after_the_end_of_a_turn_is_found(engine: Engine) -> None:
    """A mark that was being committed while a turn ended keeps its merchant due."""
    token = uuid4()
    await mark(engine, "a")
    await take(engine, token)
    async with engine.database.unit() as marking:
        marking.mark("push", MERCHANT, "b")
        await marking.flush()
        await engine.fetch("DELETE FROM work WHERE key = 'a'")
        await end_turn(engine, token)

    assert await take(engine) == [MERCHANT]


async def test_a_mark_that_waited_for_the_end_of_a_turn_is_found(engine: Engine) -> None:
    """A mark that is announced while the end of a turn is being committed sets the merchant's time back."""
    token = uuid4()
    await mark(engine, "a", "later", due=engine.clock.now())
    await take(engine, token)
    await engine.fetch("UPDATE work SET due_at = due_at + interval '1 hour' WHERE key = 'later'")
    await engine.fetch("DELETE FROM work WHERE key = 'a'")
    async with engine.database.unit() as ending:
        await table.end_turn(ending, MERCHANT, token)
        marking = asyncio.create_task(mark(engine, "b"))
        await eventually(engine.waiting_for_locks)
    await marking

    assert await take(engine) == [MERCHANT]


async def test_marks_of_one_merchant_do_not_wait_for_one_another(engine: Engine) -> None:
    """Units that mark different keys of a merchant that is due commit side by side."""
    await mark(engine, "a")
    async with AsyncExitStack() as stack, asyncio.timeout(5):
        for key in "bcd":
            unit = await stack.enter_async_context(engine.database.unit())
            unit.mark("push", MERCHANT, key)
            await unit.flush()
        assert await engine.waiting_for_locks() == 0


async def test_no_mark_is_lost_between_turns(engine: Engine) -> None:
    """When turns of two replicas meet the marks of many units, at the end all work is done without a repair."""
    done: set[str] = set()

    async def push(batch: Batch, _: object) -> None:
        done.update(batch.keys)

    async def marks(number: int) -> None:
        for each in range(25):
            await mark(engine, f"{number}-{each}", merchant=MERCHANT if each % 2 else OTHER)

    marking = asyncio.gather(*(marks(number) for number in range(6)))
    replicas = [worker(engine, push) for _ in range(2)]
    while not marking.done():
        await asyncio.gather(*(each.run_until_idle() for each in replicas))
    await marking
    await replicas[0].run_until_idle()

    assert len(done) == 150
    assert await engine.fetch("SELECT FROM work") == []


async def test_turns_are_fair_across_replicas(engine: Engine) -> None:
    """A backlog that just had its turn at one replica stands behind the others at every replica."""
    token = uuid4()
    await mark(engine, *map(str, range(100)))
    engine.clock.advance(1)
    await mark(engine, "sale", merchant=OTHER)
    assert await take(engine, token, limit=1) == [MERCHANT]
    engine.clock.advance(2)
    await end_turn(engine, token)

    assert await take(engine, limit=1) == [OTHER]


async def test_a_cool_down_holds_for_every_replica(engine: Engine) -> None:
    """A merchant whose Clover fails rests at all replicas, also when new work is marked meanwhile."""
    calls = []

    async def push(batch: Batch, _: object) -> None:
        calls.append(batch.keys)
        raise Unavailable

    for attempt in range(4):
        await mark(engine, f"a{attempt}")
        await worker(engine, push).run_until_idle()

    assert len(calls) == 1


async def test_a_killed_process_loses_no_merchant(engine: Engine) -> None:
    """A merchant whose turn never ended is found by another process once the lease has expired."""
    await mark(engine, "a")
    assert await take(engine) == [MERCHANT]
    assert await take(engine) == []
    await engine.fetch("UPDATE lease SET expires_at = now()")

    assert await take(engine) == [MERCHANT]


async def test_a_lost_lease_ends_no_turn(engine: Engine) -> None:
    """A process that lost the merchant to another does not change when it is due."""
    token = uuid4()
    await mark(engine, "a")
    await take(engine, token)
    await engine.fetch("UPDATE lease SET token = gen_random_uuid()")
    await engine.fetch("DELETE FROM work")
    await end_turn(engine, token)

    assert len(await due_at(engine)) == 1
    assert len(await engine.fetch("SELECT FROM lease")) == 1


async def test_work_written_by_an_older_build_is_found(engine: Engine) -> None:
    """A running worker finds rows of work that nobody announced."""
    done: list[str] = []

    async def sweep(batch: Batch, _: object) -> None:
        done.append(batch.merchant_id)

    await engine.fetch(MANY_MERCHANTS, engine.clock.now() - timedelta(minutes=1), 3)
    await engine.run(worker(engine, sweep).run)

    await eventually(lambda: sorted(done) == ["M1", "M2", "M3"])
