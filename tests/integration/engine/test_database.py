"""No failure of the database makes anything wait for ever."""

import asyncio
import time
from contextlib import AsyncExitStack

import asyncpg
import pytest
from tests.integration.engine.conftest import MERCHANT, Engine
from tests.support.eventually import eventually
from tests.support.proxy import Proxy, proxied
from tests.support.waiting import waiting

from common.clock import SystemClock
from common.db import database as database_module
from common.db.database import Database
from common.db.wakeup import NOTIFY_SECONDS, Wakeups
from common.errors import Conflict, TimedOut, Unavailable


async def test_waiting_for_a_connection_is_bounded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """When every connection is in use, the next caller gets Unavailable, and the pool works afterwards."""
    monkeypatch.setattr(database_module, "ACQUIRE_SECONDS", 0.3)
    small = Database(engine.dsn, "engine", SystemClock(), size=2)
    await small.open()
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(small.connection())
        with pytest.raises(Unavailable):
            async with asyncio.timeout(5):
                await stack.enter_async_context(small.connection())
    async with small.connection() as conn:
        assert await conn.fetchval("SELECT 1") == 1
    await small.close()


async def test_silent_database_times_out_and_recovers(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries to a silent database fail within their limit; afterwards they work again."""
    monkeypatch.setattr(database_module, "COMMAND_SECONDS", 0.5)
    monkeypatch.setattr(database_module, "ACQUIRE_SECONDS", 0.5)
    async with proxied(engine.dsn) as proxy:
        database = Database(proxy.url(engine.dsn), "engine", SystemClock())
        await database.open()
        proxy.stall()
        with pytest.raises((Unavailable, TimedOut)):
            async with asyncio.timeout(8), database.connection() as conn:
                await conn.fetchval("SELECT 1")
        proxy.resume()

        async def works() -> bool:
            try:
                async with database.connection() as conn:
                    return bool(await conn.fetchval("SELECT 1"))
            except (Unavailable, TimedOut):
                return False

        await eventually(works)
        await database.close()


async def test_cancelled_task_ends_cancelled_when_its_cleanup_fails(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing cleanup does not hide the cancellation: a loop that retried it would never end."""
    monkeypatch.setattr(database_module, "COMMAND_SECONDS", 0.5)
    monkeypatch.setattr(database_module, "ACQUIRE_SECONDS", 0.5)
    begun = asyncio.Event()

    async def ask(database: Database) -> None:
        async with database.connection() as conn:
            begun.set()
            await conn.execute("SELECT pg_sleep(60)", timeout=60)

    async with proxied(engine.dsn) as proxy:
        database = Database(proxy.url(engine.dsn), "engine", SystemClock())
        await database.open()
        asking = asyncio.create_task(ask(database))
        await begun.wait()
        proxy.stall()
        asking.cancel()
        async with asyncio.timeout(10):
            [ended] = await asyncio.gather(asking, return_exceptions=True)
        proxy.resume()
        await database.close()

    assert isinstance(ended, asyncio.CancelledError)


async def test_unit_out_of_time_does_not_wait_for_a_silent_database(engine: Engine) -> None:
    """A unit that must end within a time raises Unavailable then, and its connection is replaced."""

    async def ask_silent(database: Database, proxy: Proxy) -> None:
        async with database.unit(within=0.5) as unit:
            proxy.stall()
            await unit.conn.execute("SELECT 1")

    async with proxied(engine.dsn) as proxy:
        database = Database(proxy.url(engine.dsn), "engine", SystemClock(), size=1)
        await database.open()
        async with waiting() as waited:
            with pytest.raises(Unavailable):
                await ask_silent(database, proxy)
        assert waited.seconds < 5  # a statement without a limit of its own takes fifteen
        proxy.resume()
        async with database.unit() as unit:
            assert await unit.conn.fetchval("SELECT 1") == 1
        await database.close()


async def test_dead_listener_is_detected_and_replaced(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent listening connection is replaced, and then every waiter wakes and looks."""
    monkeypatch.setattr("common.db.wakeup.ANSWER_SECONDS", 0.5)
    async with proxied(engine.dsn) as proxy:
        wakeups = Wakeups(proxy.url(engine.dsn), "engine", engine.clock)
        await engine.run(wakeups.run)
        await eventually(lambda: proxy.connections == 1)
        await wakeups.wait("work", 0.3)
        proxy.stall()
        rung = asyncio.create_task(wakeups.wait("work", 3600))
        await eventually(lambda: proxy.connections > 1)
        proxy.resume()
        async with asyncio.timeout(10):
            await rung


async def test_wakeup_between_two_waits_is_not_lost(engine: Engine) -> None:
    """A waiter that was busy during the wake-up returns at once."""
    wakeups = engine.database.wakeups
    wakeups.notify("work")
    async with asyncio.timeout(5):
        await wakeups.wait("work", 60)


async def test_many_wakeups_are_few_notifications(engine: Engine) -> None:
    """Wake-ups of other replicas are batched: NOTIFY takes a lock that the whole server shares."""
    heard: list[object] = []
    listener = await asyncpg.connect(engine.dsn)
    await listener.add_listener("quicksync_engine", lambda *_: heard.append(_))
    await engine.run(engine.database.wakeups.run, speed=0)
    for _ in range(100):
        engine.database.wakeups.notify("work")
        await engine.fetch("SELECT 1")
    await eventually(lambda: len(heard) == 1)
    engine.clock.advance(NOTIFY_SECONDS)
    await eventually(lambda: len(heard) == 2)
    await listener.close()


async def test_wakeup_reaches_another_process(engine: Engine) -> None:
    """A wake-up in one replica wakes the waiters of another."""
    here, there = (Wakeups(engine.dsn, "engine", engine.clock) for _ in range(2))
    await engine.run(here.run, there.run)

    async def heard() -> bool:
        here.notify("work")
        began = time.monotonic()
        await there.wait("work", 0.5)
        return time.monotonic() - began < 0.5

    await eventually(heard)


async def test_deadlock_is_a_conflict(engine: Engine) -> None:
    """Of two units that deadlock, one is rolled back with Conflict."""
    await engine.fetch("INSERT INTO noted VALUES ('a'), ('b')")
    meet = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> None:
        async with engine.database.unit() as unit:
            await unit.conn.execute("UPDATE noted SET text = text WHERE text = $1", first)
            await meet.wait()
            await unit.conn.execute("UPDATE noted SET text = text WHERE text = $1", second)

    results = await asyncio.gather(lock("a", "b"), lock("b", "a"), return_exceptions=True)
    assert [type(each) for each in results if each is not None] == [Conflict]


async def test_marks_in_any_order_do_not_deadlock(engine: Engine) -> None:
    """Units that mark the same keys in opposite orders wait for each other and both commit."""

    async def mark(*keys: str) -> None:
        async with engine.database.unit() as unit:
            unit.mark("push", MERCHANT, keys)

    async def both_wait() -> bool:
        return await engine.waiting_for_locks() == 2

    await mark("a", "b")
    async with engine.database.unit() as first:
        await first.conn.execute("SELECT FROM work WHERE key = 'b' FOR UPDATE")
        backwards = asyncio.create_task(mark("b", "a"))
        await eventually(engine.waiting_for_locks)
        forwards = asyncio.create_task(mark("a", "b"))
        await eventually(both_wait)

    await asyncio.gather(backwards, forwards)


async def test_waiting_for_a_lock_is_bounded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that another transaction keeps locked causes a Conflict, not an endless wait."""
    monkeypatch.setitem(database_module.SERVER_SETTINGS, "lock_timeout", "200ms")
    impatient = Database(engine.dsn, "engine", SystemClock())
    await impatient.open()
    await engine.fetch("INSERT INTO noted VALUES ('a')")
    async with engine.database.unit() as unit:
        await unit.conn.execute("UPDATE noted SET text = 'b'")
        with pytest.raises(Conflict):
            async with asyncio.timeout(5), impatient.unit() as other:
                await other.conn.execute("UPDATE noted SET text = 'c'")
    await impatient.close()


async def test_slow_statement_is_cancelled_by_the_server(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that takes too long raises TimedOut, and ends in the server too."""
    monkeypatch.setitem(database_module.SERVER_SETTINGS, "statement_timeout", "200ms")
    impatient = Database(engine.dsn, "engine", SystemClock())
    await impatient.open()
    with pytest.raises(TimedOut):
        async with asyncio.timeout(5), impatient.connection() as conn:
            await conn.execute("SELECT pg_sleep(30)")
    await impatient.close()


@pytest.mark.parametrize("cut", [asyncio.CancelledError, LookupError])
async def test_failed_unit_returns_its_connection_clean(engine: Engine, cut: type[BaseException]) -> None:
    """Cancelled and failed units leave the pool whole, write nothing and leave no transaction open."""

    async def end_badly() -> None:
        async with small.unit() as unit:
            await unit.conn.execute("INSERT INTO noted VALUES ('never')")
            raise cut

    small = Database(engine.dsn, "engine", SystemClock(), size=1)
    await small.open()
    for _ in range(3):
        async with asyncio.timeout(4):
            await asyncio.gather(asyncio.ensure_future(end_badly()), return_exceptions=True)
    async with asyncio.timeout(4), small.connection() as conn:
        assert not conn.is_in_transaction()
    await small.close()
    assert await engine.noted() == []
