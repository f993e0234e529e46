"""A service is whole or ended, stops in order, and hands the trace on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from tests.integration.engine.conftest import MERCHANT, Engine, Noted
from tests.support.clock import FakeClock
from tests.support.eventually import eventually
from tests.support.waiting import waiting

from common.contracts.problems import Code
from common.db.unit import Unit
from common.http.routes import Access, Answer, Call, Nothing, Route
from common.service import Loop, Service
from common.settings import CommonSettings
from common.telemetry import tracing
from common.work.batch import Batch
from common.work.kind import Kind

TRACE = "0af7651916cd43dd8448eb211c80319c"
Work = Callable[[Batch, Any], Awaitable[None]]


async def nothing(_: Batch, __: Any) -> None:
    """Work that is done at once."""


def service(engine: Engine, work: Work = nothing, **more: Any) -> Service:
    """A service named engine with one event, one kind of work and one route that emits the event."""

    async def note(_: Call[Engine, Nothing]) -> Answer:
        async with engine.database.unit() as unit:
            unit.emit(Noted(merchant_id=MERCHANT, text="done"))
        return Answer(204)

    settings = CommonSettings(
        env="dev",
        postgres_dsn=engine.dsn,
        amqp_url=engine.amqp_url,
        bus_namespace=engine.topology.namespace,
        port=0,
    )
    return Service(
        name="engine",
        settings=settings,
        database=engine.database,
        metrics=engine.metrics,
        deps=engine,
        handlers={Noted: engine.handle},
        kinds=[Kind("push", work, refused=Code.ORDER_REJECTED)],
        routes=[Route("POST", "/note", note, Access.OPEN)],
        subscriptions={},
        **more,
    )


@asynccontextmanager
async def running(made: Service) -> AsyncIterator[str]:
    """The service in a task, and where it serves; its queue is consumed by then. Stopped however the test ends."""
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(made.run(stop, port.set_result))
    async with clock_of(made).running():
        try:
            async with asyncio.timeout(10):
                await made.consumer.ready.wait()
                url = f"http://127.0.0.1:{await port}"
            yield url
        finally:
            stop.set()
            await asyncio.wait_for(task, 25)


def clock_of(made: Service) -> FakeClock:
    """Return the clock of the engine fixture, which the service shares."""
    assert isinstance(made.database.clock, FakeClock)
    return made.database.clock


async def test_trace_follows_its_event_through_outbox_and_broker(engine: Engine) -> None:
    """The handler of an event runs in the trace of the request that caused it."""
    seen = []

    async def remember(_: Noted, __: Unit) -> None:
        seen.append(tracing.trace_id())

    engine.on_noted = remember
    async with running(service(engine)) as url, aiohttp.ClientSession() as session:
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        await session.post(f"{url}/note", headers=headers)
        await eventually(lambda: seen)

    assert seen == [TRACE]


async def dies(_: asyncio.Event) -> None:
    """Has a bug."""
    raise ZeroDivisionError


async def returns(_: asyncio.Event) -> None:
    """Does not wait for its stop."""


async def cancels_itself(_: asyncio.Event) -> None:
    """Keep working after a cancellation from outside."""
    abandoned = asyncio.get_running_loop().create_future()
    abandoned.cancel()
    await abandoned


@pytest.mark.parametrize(
    ("loop", "error"), [(dies, ZeroDivisionError), (returns, RuntimeError), (cancels_itself, RuntimeError)]
)
async def test_loop_that_ends_ends_the_process(engine: Engine, loop: Loop, error: type[Exception]) -> None:
    """A service does not continue without one of its loops."""
    with pytest.raises(ExceptionGroup) as died:
        await asyncio.wait_for(service(engine, loops=[loop]).run(asyncio.Event()), 20)
    assert died.group_contains(error)


async def test_bug_in_writing_outcomes_ends_the_process(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the engine ends the process instead of silently stopping one merchant."""

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("common.work.table.finish", broken)
    async with engine.database.unit() as unit:
        unit.mark("push", MERCHANT, "a")
    with pytest.raises(ExceptionGroup) as died:
        await asyncio.wait_for(service(engine).run(asyncio.Event()), 20)
    assert died.group_contains(ZeroDivisionError)


async def test_a_stop_that_takes_too_long_is_cut_off(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that does not end in time ends with the process, and stays queued."""
    monkeypatch.setattr("common.service.ORDERLY_SECONDS", 0.2)
    started = asyncio.Event()

    async def hang(_: Batch, __: Any) -> None:
        started.set()
        await asyncio.Event().wait()

    async with engine.database.unit() as unit:
        unit.mark("push", MERCHANT, "a")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(service(engine, hang)))
        await started.wait()
        async with waiting() as waited:
            await stack.aclose()

    assert waited.seconds < 5
    await engine.database.open()
    assert len(await engine.fetch("SELECT FROM work")) == 1


async def test_a_stop_is_orderly_and_within_twenty_seconds(engine: Engine) -> None:
    """Endless work is cancelled in time, the last events are published, and the leases are released."""

    async def hang(_: Batch, __: Any) -> None:
        started.set()
        await asyncio.Event().wait()

    started = asyncio.Event()
    async with engine.database.unit() as unit:
        unit.mark("push", MERCHANT, "a")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(running(service(engine, hang)))
        await started.wait()
        async with aiohttp.ClientSession() as session:
            await session.post(f"{url}/note")
        async with waiting() as waited:
            await stack.aclose()

    assert waited.seconds < 20
    await engine.database.open()
    assert await engine.fetch("SELECT FROM outbox") == []
    assert await engine.fetch("SELECT FROM lease") == []
    assert [row["key"] for row in await engine.fetch("SELECT key FROM work")] == ["a"]


async def test_service_is_ready_only_with_its_database_and_broker(engine: Engine) -> None:
    """/readyz reports waiting rows, and fails when the queue is not consumed."""
    made = service(engine)

    async def answers(url: str, wanted: int) -> Any:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
            body = await answer.json()
            return body if answer.status == wanted else None

    async with running(made) as url:
        body = await eventually(lambda: answers(url, 200))
        assert set(body["checks"]["database"]) >= {"outbox_oldest_seconds", "work_due_oldest_seconds"}
        made.consumer.ready.clear()
        body = await eventually(lambda: answers(url, 503))
        assert body["checks"]["broker"]["ok"] is False


async def test_dead_queue_is_an_alert_for_the_operator(engine: Engine) -> None:
    """The report about a queue is kept in the service's schema."""
    await service(engine).queues.report("engine.events", "was dead")

    assert [tuple(row) for row in await engine.fetch("SELECT name, subject, detail, times FROM alert")] == [
        ("queue", "engine.events", "was dead", 1)
    ]
