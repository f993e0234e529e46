"""A small service of the engine alone, on real PostgreSQL and RabbitMQ."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import pytest
from aio_pika import ExchangeType
from tests.support.clock import FakeClock
from tests.support.database import ReusedDatabase, fresh_database, reused
from tests.support.pools import open_kept

from common.bus.broker import Broker
from common.bus.consumer import Consumer
from common.bus.publisher import AmqpPublisher
from common.bus.queues import Queues, Report, only_log
from common.bus.topology import Topology
from common.contracts.envelope import Event, Message
from common.db.database import Database
from common.db.inbox import Inbox
from common.db.migrate import engine_sql
from common.db.outbox import Relay
from common.db.unit import Unit
from common.ids import uuid7
from common.telemetry.metrics import Metrics

MERCHANT = "MRCHNT0000001"


class Noted(Event):
    """Something to note down."""

    type = "engine.noted.v1"

    text: str


@dataclass
class Engine:
    """One service schema on a database of its own, and names of its own on the broker."""

    dsn: str
    amqp_url: str
    database: Database
    clock: FakeClock
    topology: Topology
    metrics: Metrics
    stack: AsyncExitStack
    handled: list[str] = field(default_factory=list)
    report: Report = only_log
    on_noted: Callable[[Noted, Unit], Awaitable[None]] | None = None

    async def handle(self, event: Noted, unit: Unit) -> None:
        """Note the text down, after the hook of the test."""
        if self.on_noted is not None:
            await self.on_noted(event, unit)
        unit.write("INSERT INTO noted (text) VALUES ($1)", event.text)
        self.handled.append(event.text)

    def inbox(self) -> Inbox:
        return Inbox(self.database, {Noted: self.handle}, self.metrics)

    def broker(self, url: str | None = None) -> Broker:
        return Broker(url or self.amqp_url, "engine")

    def queues(self, url: str | None = None) -> Queues:
        return Queues(self.broker(url), self.topology, self.clock, self.report)

    def publisher(self, url: str | None = None, **options: Any) -> AmqpPublisher:
        publisher = AmqpPublisher(self.queues(url), **options)
        self.stack.push_async_callback(publisher.close)
        return publisher

    def publisher_without_queues(self) -> AmqpPublisher:
        """A publisher that waits for no queue, as earlier releases had it."""
        publisher = AmqpPublisher(Queues(self.broker(), replace(self.topology, subscriptions={}), self.clock))
        self.stack.push_async_callback(publisher.close)
        return publisher

    def relay(self, publisher: AmqpPublisher) -> Relay:
        return Relay(self.database, publisher, self.metrics)

    def consumer(self, inbox: Inbox, url: str | None = None) -> Consumer:
        return Consumer(self.queues(url), "engine", inbox.types, inbox.take)

    async def run(self, *loops: Callable[[asyncio.Event], Awaitable[None]], speed: float = 10.0) -> None:
        """Run these loops until the test ends, with the clock running; a loop that fails makes the test fail."""
        await self.stack.enter_async_context(self.clock.running(speed))
        stop = asyncio.Event()
        tasks = [asyncio.ensure_future(loop(stop)) for loop in loops]

        async def end() -> None:
            stop.set()
            self.database.wakeups.wake_all()
            async with asyncio.timeout(15):
                await asyncio.gather(*tasks)

        self.stack.push_async_callback(end)

    async def declare(self) -> None:
        """Have the queue there, old enough to be settled, before anything is published."""
        async with self.broker().channel("declare") as channel:
            await self.topology.declare_queue(channel, "engine", [Noted.type])
            await channel.declare_exchange(self.topology.settled_mark("engine"), ExchangeType.FANOUT, durable=True)

    async def emit(self, *texts: str) -> None:
        async with self.database.unit() as unit:
            unit.emit(*(Noted(merchant_id=MERCHANT, text=text) for text in texts))

    async def noted(self) -> list[str]:
        return [row["text"] for row in await self.fetch("SELECT text FROM noted ORDER BY text")]

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self.database.connection() as conn:
            return list(await conn.fetch(sql, *arguments))

    async def waiting_for_locks(self) -> int:
        """How many statements on this database wait for a lock of another."""
        waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return len(await self.fetch(waiting))


def message(text: str, **other: Any) -> Message:
    """A message as it comes from the broker."""
    noted = Noted(merchant_id=MERCHANT, text=text)
    parts: dict[str, Any] = {"id": uuid7(), "type": Noted.type, "body": noted.model_dump_json().encode()}
    return Message(**(parts | {"at": FakeClock().now()} | other))


@pytest.fixture(scope="session")
async def engine_database(postgres_dsn: str) -> AsyncIterator[ReusedDatabase]:
    """A database with the engine's schema; emptying it takes a hundredth of creating one."""
    async with fresh_database(postgres_dsn) as dsn:
        connection = await asyncpg.connect(dsn)
        await connection.execute(f"CREATE SCHEMA engine; SET search_path TO engine; {engine_sql()}")
        await connection.execute("CREATE TABLE noted (text text NOT NULL)")
        await connection.close()
        async with reused(dsn, ["engine"]) as database:
            yield database


@pytest.fixture
async def engine(engine_database: ReusedDatabase, amqp_url: str) -> AsyncIterator[Engine]:
    """An engine with nothing running."""
    clock = FakeClock()
    database = Database(engine_database.dsn, "engine", clock)
    await open_kept(database)
    async with AsyncExitStack() as stack:
        topology = Topology(f"engine_{uuid.uuid4().hex[:10]}.")
        made = Engine(engine_database.dsn, amqp_url, database, clock, topology, Metrics(), stack)
        yield made
    await database.close()
    await _forget(made)
    await engine_database.empty()


async def _forget(engine: Engine) -> None:
    async with engine.broker().channel("forget") as channel:
        for service in {"engine", *engine.topology.subscriptions}:
            await channel.queue_delete(engine.topology.queue(service))
            await channel.exchange_delete(engine.topology.settled_mark(service))
        await channel.exchange_delete(engine.topology.exchange)
