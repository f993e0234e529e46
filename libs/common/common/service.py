"""Runs a service: its HTTP server and its loops, all running or none, stopped in order within twenty seconds."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
import uvloop
from aiohttp import web

from common import cancellation
from common.backoff import sleep_until
from common.bus.broker import Broker
from common.bus.consumer import Consumer
from common.bus.publisher import AmqpPublisher
from common.bus.queues import Queues
from common.bus.topology import RETIRED, SUBSCRIPTIONS, UNBOUND, Topology
from common.db import alerts, lease
from common.db.database import Database
from common.db.inbox import Handlers, Inbox
from common.db.outbox import Relay
from common.db.unit import Priority
from common.errors import Transient, Unavailable
from common.http.app import build_app
from common.http.health import Check
from common.http.routes import Route
from common.settings import CommonSettings
from common.telemetry.metrics import Metrics
from common.work import run
from common.work.budget import Budget
from common.work.kind import Kind
from common.work.worker import Worker

log = structlog.get_logger()

Loop = Callable[[asyncio.Event], Coroutine[Any, Any, None]]

GRACE_SECONDS = 2.0
ORDERLY_SECONDS = 14.0
"""After a stop; with GRACE_SECONDS and closing the connections this stays below the 20 s before a SIGKILL."""
MEASURE_SECONDS = 5.0
FORGET_SECONDS = 3600.0

# Uses indexes only, because these ages matter most when the outbox holds millions. Postponed rows may be older.
AGES = """
SELECT coalesce(extract(epoch FROM $1 - (
           SELECT min(at) FROM (SELECT at FROM outbox ORDER BY due_at, position LIMIT 500) first
       )), 0)::float AS outbox_oldest_seconds,
       coalesce(greatest(extract(epoch FROM $1 - (
           SELECT min(row.due_at) FROM (SELECT merchant_id FROM due_merchant ORDER BY ready_at LIMIT 100) longest
           CROSS JOIN unnest($2::smallint[]) AS level (priority) CROSS JOIN LATERAL (
               SELECT due_at FROM work WHERE work.merchant_id = longest.merchant_id
                   AND work.priority = level.priority AND NOT held ORDER BY due_at LIMIT 1
           ) AS row
       )), 0), 0)::float AS work_due_oldest_seconds
"""


@dataclass
class Service:
    """All parts of a service. `app.build` fills it; production and tests run the same.

    `budget` limits and prepares the calls of the work. `resources` (HTTP sessions and the like) are opened before the
    loops start and closed after they ended. `subscriptions` are those of all services; each publisher declares them
    before it publishes.
    """

    name: str
    settings: CommonSettings
    database: Database
    metrics: Metrics
    deps: Any
    handlers: Handlers
    kinds: Sequence[Kind]
    routes: Sequence[Route]
    resources: Sequence[AbstractAsyncContextManager[Any]] = ()
    budget: Budget | None = None
    loops: Sequence[Loop] = ()
    on_shutdown: Sequence[Callable[[], Awaitable[None]]] = ()
    subscriptions: Mapping[str, Iterable[str]] = field(default_factory=lambda: SUBSCRIPTIONS)
    broker: Broker = field(init=False)
    queues: Queues = field(init=False)
    inbox: Inbox = field(init=False)
    relay: Relay = field(init=False)
    consumer: Consumer = field(init=False)
    worker: Worker = field(init=False)
    publisher: AmqpPublisher = field(init=False)

    def __post_init__(self) -> None:
        topology = Topology(self.settings.bus_namespace, self.subscriptions, UNBOUND)
        self.broker = Broker(self.settings.amqp_url.get_secret_value(), self.name)
        self.inbox = Inbox(self.database, self.handlers, self.metrics, RETIRED.get(self.name, ()))
        self.queues = Queues(self.broker, topology, self.database.clock, self._report_queue)
        self.publisher = AmqpPublisher(self.queues)
        self.relay = Relay(self.database, self.publisher, self.metrics)
        self.consumer = Consumer(self.queues, self.name, self.inbox.types, self.inbox.take)
        self.worker = Worker(self.database, self.kinds, self.deps, self.metrics, budget=self.budget)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Service"]:
        """Open the database and the resources, without running a loop."""
        async with AsyncExitStack() as stack:
            await self.database.open()
            stack.push_async_callback(self.database.close)
            stack.push_async_callback(self.publisher.close)
            for resource in self.resources:
                await stack.enter_async_context(resource)
            yield self

    def application(self) -> web.Application:
        """Build the HTTP application, with a readiness check of the database and the broker."""
        app = build_app(self.name, self.routes, self.deps, self.settings, self.metrics, self._checks())
        for callback in self.on_shutdown:
            app.on_shutdown.append(_without_app(callback))
        return app

    async def run(self, stop: asyncio.Event, started: Callable[[int], None] = lambda _: None) -> None:
        """Run until `stop`. A loop that ends earlier ends the process. `started` is called with the port.

        The order of a stop: no new requests, no new messages and work, the last events published. Anything that takes
        longer is cut off like by a crash, so that a stop takes twenty seconds at most.
        """
        try:
            async with self.opened(), asyncio.timeout(None) as orderly:
                await self._run(stop, started, orderly)
        except TimeoutError:
            if not stop.is_set():
                raise
            log.warning("stopped with work unfinished; the next start continues it")

    async def _run(self, stop: asyncio.Event, started: Callable[[int], None], orderly: asyncio.Timeout) -> None:
        working_stop, publishing_stop = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as publishing:
            for loop in (self.relay.run, self.database.wakeups.run, self._measure, self._forget, *self.loops):
                publishing.create_task(_run_until(loop, publishing_stop))
            async with asyncio.TaskGroup() as working:
                for loop in (self.consumer.run, self.inbox.run, self.worker.run):
                    working.create_task(_run_until(loop, working_stop))
                async with self._serving() as port:
                    started(port)
                    await stop.wait()
                log.info("stopping")
                orderly.reschedule(asyncio.get_running_loop().time() + ORDERLY_SECONDS)
                working_stop.set()
                self.database.wakeups.wake_all()
            publishing_stop.set()
            self.database.wakeups.wake_all()

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[int]:
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=GRACE_SECONDS)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.settings.host, self.settings.port)
            await site.start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _report_queue(self, queue: str, detail: str) -> None:
        async with self.database.connection() as conn:
            await alerts.report(conn, "queue", queue, detail)

    def _checks(self) -> Mapping[str, Check]:
        async def database() -> Mapping[str, object]:
            async with self.database.connection() as conn:
                row = await conn.fetchrow(AGES, self.database.clock.now(), list(Priority))
            return {name: round(age, 3) for name, age in (row or {}).items()}

        async def broker() -> None:
            if not self.consumer.ready.is_set():
                raise Unavailable("the queue is not consumed")

        return {"database": database, "broker": broker}

    async def _measure(self, stop: asyncio.Event) -> None:
        """Update the gauges of waiting rows."""
        while not stop.is_set():
            self.metrics.broker_connected.set(self.consumer.ready.is_set())
            try:
                async with self.database.connection() as conn:
                    row = await conn.fetchrow(AGES, self.database.clock.now(), list(Priority))
                    rows = await conn.fetchval("SELECT count(*) FROM (SELECT FROM outbox LIMIT 100000) AS waiting")
                    self.metrics.alerts.set(await alerts.count(conn))
            except Transient as error:
                log.warning("gauges not updated", reason=str(error))
            else:
                self.metrics.outbox_rows.set(rows)
                self.metrics.outbox_oldest.set(row["outbox_oldest_seconds"] if row else 0)
                self.metrics.work_due_oldest.set(row["work_due_oldest_seconds"] if row else 0)
            await sleep_until(stop, MEASURE_SECONDS, self.database.clock)

    async def _forget(self, stop: asyncio.Event) -> None:
        """Delete the ids of messages too old to be redelivered, leases of killed processes, and runs without work."""
        while not stop.is_set():
            try:
                await self.inbox.forget_old()
                async with self.database.connection() as conn:
                    await lease.forget_expired(conn)
                    await run.forget(conn)
            except Transient as error:
                log.warning("old rows not deleted yet", reason=str(error))
            await sleep_until(stop, FORGET_SECONDS, self.database.clock)


async def _run_until(loop: Loop, stop: asyncio.Event) -> None:
    """Fail the service if a loop ends before `stop`; a TaskGroup would ignore it."""
    stray = None
    try:
        await loop(stop)
    except asyncio.CancelledError as error:
        if cancellation.is_requested():
            raise
        stray = error
    if not stop.is_set():
        raise RuntimeError(f"{loop.__qualname__} ended before its stop") from stray


def main(build: Callable[[], Service]) -> None:
    """Build the service and run it until SIGTERM or SIGINT."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(build))


async def _main(build: Callable[[], Service]) -> None:
    service = build()
    freeze_garbage_collector()
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    await service.run(stop, lambda port: log.info("serving", port=port))
    log.info("stopped")


def freeze_garbage_collector() -> None:
    """Exclude all objects of the start from garbage collection: they stay, and each full pass over them takes 20 ms."""
    gc.collect()
    gc.freeze()


def _without_app(callback: Callable[[], Awaitable[None]]) -> Callable[[web.Application], Awaitable[None]]:
    async def on_shutdown(_: web.Application) -> None:
        await callback()

    return on_shutdown
