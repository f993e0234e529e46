"""A service is whole or ended, stops in order, and hands the trace on."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from tests.integration.engine.conftest import MERCHANT, Engine, Noted
from tests.support.eventually import eventually

from common.contracts.problems import Code
from common.db.unit import Unit
from common.http.routes import Access, Answer, Call, Nothing, Route
from common.service import Service
from common.settings import CommonSettings
from common.telemetry import tracing
from common.work.batch import Batch, Kind

TRACE = "0af7651916cd43dd8448eb211c80319c"
Work = Callable[[Batch, Any], Awaitable[None]]


async def nothing(_: Batch, __: Any) -> None:
    """Work that is done at once."""


def service(engine: Engine, work: Work = nothing, **more: Any) -> Service:
    """A service named engine with one event, one kind of work and one route that emits the event."""

    async def note(_: Call[Engine, Nothing]) -> Answer:
        async with engine.database.unit() as unit:
            unit.emit(Noted(merchant_id=MERCHANT, text="told"))
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
        **more,
    )


class Running:
    """A service that runs in a task."""

    def __init__(self, made: Service) -> None:
        self.stop = asyncio.Event()
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(made.run(self.stop, self._port.set_result))

    async def url(self) -> str:
        return f"http://127.0.0.1:{await self._port}"


async def test_a_trace_goes_with_its_event_through_outbox_and_broker(engine: Engine) -> None:
    """What handles an event is in the trace of the request that caused it."""
    seen = []

    async def remember(_: Noted, __: Unit) -> None:
        seen.append(tracing.trace_id())

    engine.on_noted = remember
    running = Running(service(engine))
    async with aiohttp.ClientSession() as session:
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        await session.post(f"{await running.url()}/note", headers=headers)
        await eventually(lambda: seen)
    running.stop.set()
    await asyncio.wait_for(running.task, 20)

    assert seen == [TRACE]


async def test_a_loop_that_dies_takes_the_process_down(engine: Engine) -> None:
    """A service of which one part ended is not left half alive."""

    async def die(_: asyncio.Event) -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as died:
        await asyncio.wait_for(service(engine, loops=[die]).run(asyncio.Event()), 20)
    assert died.group_contains(ZeroDivisionError)


async def test_a_bug_in_the_engine_of_a_turn_takes_the_process_down(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When writing outcomes itself is broken, the process ends rather than the work of one merchant."""

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("common.work.table.finish", broken)
    async with engine.database.unit() as unit:
        unit.mark("push", MERCHANT, "a")
    with pytest.raises(ExceptionGroup) as died:
        await asyncio.wait_for(service(engine).run(asyncio.Event()), 20)
    assert died.group_contains(ZeroDivisionError)


async def test_a_stop_is_orderly_and_within_twenty_seconds(engine: Engine) -> None:
    """Work that never ends is cut off in time, the last events are published, and the leases are given back."""

    async def hang(_: Batch, __: Any) -> None:
        started.set()
        await asyncio.Event().wait()

    started = asyncio.Event()
    async with engine.database.unit() as unit:
        unit.mark("push", MERCHANT, "a")
    running = Running(service(engine, hang))
    url = await running.url()
    await started.wait()
    async with aiohttp.ClientSession() as session:
        await session.post(f"{url}/note")
    began = time.monotonic()
    running.stop.set()
    await asyncio.wait_for(running.task, 25)

    assert time.monotonic() - began < 20
    await engine.database.open()
    assert await engine.fetch("SELECT FROM outbox") == []
    assert await engine.fetch("SELECT FROM lease") == []
    assert [row["key"] for row in await engine.fetch("SELECT key FROM work")] == ["a"]


async def test_it_is_ready_only_with_its_database_and_broker(engine: Engine) -> None:
    """/readyz tells what waits, and turns when the queue is no longer consumed."""
    made = service(engine)
    running = Running(made)
    url = await running.url()

    async def status() -> tuple[int, Any]:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
            return answer.status, await answer.json()

    async def answers(wanted: int) -> Any:
        got, body = await status()
        return body if got == wanted else None

    body = await eventually(lambda: answers(200))
    assert set(body["checks"]["database"]) >= {"outbox_oldest_seconds", "work_due_oldest_seconds"}
    made.consumer.ready.clear()
    body = await eventually(lambda: answers(503))
    assert body["checks"]["broker"]["ok"] is False
    running.stop.set()
    await asyncio.wait_for(running.task, 20)
