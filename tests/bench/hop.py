"""One hop on the classes the services run: consume, inbox, business write, outbox, commit, ack, relay, confirm.

Run as a program it measures once and prints one JSON object: messages per second through a full queue, or with
`--rate` the latency of messages that come at that rate.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import aiormq
import asyncpg
import uvloop
from aiormq.abc import DeliveredMessage
from tests.support.eventually import eventually

from common import logs
from common.bus import pipelined
from common.bus.broker import Broker
from common.bus.consumer import Consumer
from common.bus.publisher import CONFIRM_SECONDS, AmqpPublisher
from common.bus.queues import Queues
from common.bus.topology import Topology
from common.clock import SystemClock
from common.contracts.envelope import Event, Message
from common.db.database import Database
from common.db.inbox import Inbox
from common.db.migrate import engine_sql
from common.db.outbox import Relay
from common.db.unit import Unit
from common.ids import uuid7
from common.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
OURS = (sys.executable, "-m", "tests.bench.hop")
PEER = (str(ROOT / ".venv-bench/bin/python"), "tests/bench/peers/faststream_hop.py")
COUNTERS = """
CREATE TABLE counter (item text PRIMARY KEY, n integer NOT NULL, last text NOT NULL) WITH (fillfactor = 70);
INSERT INTO counter SELECT 'item-' || number, 0, '' FROM generate_series(0, 999) AS number;
"""
COUNT = "UPDATE counter SET n = n + 1, last = $2 WHERE item = $1"
TEXT = "x" * 330
MERCHANTS = 10_000


class Moved(Event):
    """The incoming event: about 400 bytes of JSON."""

    type = "bench.moved.v1"

    item: str
    text: str


class Counted(Event):
    """The outgoing event."""

    type = "bench.counted.v1"

    item: str
    text: str


async def on_moved(event: Moved, unit: Unit) -> None:
    """The business: one update and one event."""
    unit.write(COUNT, event.item, event.text)
    unit.emit(Counted(merchant_id=event.merchant_id, item=event.item, text=event.text))


def moved(number: int, text: str = TEXT, merchants: int = 1) -> Message:
    event = Moved(merchant_id=f"MRCHNT{number % merchants:07}", item=f"item-{number % 1000}", text=text)
    return Message(uuid7(), Moved.type, event.model_dump_json().encode(), datetime.now(UTC))


@dataclass
class Hop:
    """The two loops of a service that make a hop, and what surrounds them."""

    database: Database
    topology: Topology
    broker: Broker
    sink: str
    loops: list[Callable[[asyncio.Event], object]]

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            for loop in self.loops:
                group.create_task(loop(stop))  # type: ignore[arg-type]
            await stop.wait()
            self.database.wakeups.wake_all()


@asynccontextmanager
async def prepared(dsn: str, amqp_url: str) -> AsyncIterator[Hop]:
    """A schema and queues of its own, dropped afterwards."""
    name = f"hop_{uuid.uuid4().hex[:8]}"
    admin = await asyncpg.connect(dsn)
    await admin.execute(f"CREATE SCHEMA {name}; SET search_path TO {name}; {engine_sql()} {COUNTERS}")
    database, metrics, topology = Database(dsn, name, SystemClock()), Metrics(), Topology(f"{name}.")
    await database.open()
    broker = Broker(amqp_url, "hop")
    queues = Queues(broker, topology, database.clock)
    inbox, publisher = Inbox(database, {Moved: on_moved}, metrics), AmqpPublisher(queues)
    async with broker.channel("bench") as channel:
        source = await topology.declare_queue(channel, "hop", inbox.types)
        sink = await topology.declare_queue(channel, "sink", [Counted.type])
        relay = Relay(database, publisher, metrics)
        consumer = Consumer(queues, "hop", inbox.types, inbox.take)
        yield Hop(database, topology, broker, sink, [consumer.run, relay.run, database.wakeups.run])
        for queue in (source, sink):
            await channel.queue_delete(queue)
        await channel.exchange_delete(topology.exchange)
    await publisher.close()
    await database.close()
    await admin.execute(f"DROP SCHEMA {name} CASCADE")
    await admin.close()


async def throughput(dsn: str, amqp_url: str, count: int, merchants: int) -> dict[str, float]:
    """Messages per second from a full queue until the last one's event is confirmed; exactly once, or it raises."""
    async with prepared(dsn, amqp_url) as hop:
        feeder = AmqpPublisher(Queues(Broker(amqp_url, "feeder"), hop.topology, hop.database.clock))
        await feeder.publish([moved(number, merchants=merchants) for number in range(count)])
        await feeder.close()
        stop, began = asyncio.Event(), time.perf_counter()
        running = asyncio.create_task(hop.run(stop))
        await _through(hop, count)
        seconds = time.perf_counter() - began
        stop.set()
        await running
        await _exactly_once(hop, count)
    return {"rate": count / seconds}


async def _through(hop: Hop, count: int) -> None:
    async def done() -> bool:
        row = await conn.fetchrow("SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM outbox)")
        return row is not None and tuple(row) == (count, 0)

    async with hop.database.connection() as conn:
        await eventually(done, within=300)


async def _exactly_once(hop: Hop, count: int) -> None:
    async with hop.database.connection() as conn, hop.broker.channel("check") as channel:
        effects = await conn.fetchval("SELECT sum(n) FROM counter")
        arrived = (await channel.declare_queue(hop.sink, passive=True)).declaration_result.message_count
    if (effects, arrived) != (count, count):
        raise AssertionError(f"{count} messages had {effects} effects and {arrived} events")


async def latency(dsn: str, amqp_url: str, rate: int) -> dict[str, float]:
    """Milliseconds from the publish of a message to the arrival of its event, at this rate of messages a second.

    Another process publishes and receives, so that the hop's own has nothing else to do, as in production.
    """
    async with prepared(dsn, amqp_url) as hop:
        stop = asyncio.Event()
        running = asyncio.create_task(hop.run(stop))
        where = ["--dsn", dsn, "--amqp", amqp_url, "--namespace", hop.topology.namespace]
        figures = await _figures(*OURS, *where, "--rate", str(rate))
        stop.set()
        await running
    return figures


async def round_trips(amqp_url: str, topology: Topology, rate: int, seconds: int) -> dict[str, float]:
    """Publish at this rate to a hop that runs elsewhere, and measure until each event arrives."""
    taken: list[float] = []

    async def arrive(delivery: DeliveredMessage) -> None:
        taken.append(time.time() - float(Counted.decode(delivery.body).text.strip("x")))

    async with Broker(amqp_url, "sink").channel("sink") as channel:
        underlay = cast(aiormq.Channel, await channel.get_underlay_channel())
        await underlay.basic_consume(topology.queue("sink"), arrive, no_ack=True)
        await _feed(amqp_url, topology.exchange, rate, seconds)
        await eventually(lambda: len(taken) >= rate * seconds, within=60)
    steady = sorted(taken[rate:])  # the first second warms up
    return {
        "p50": statistics.median(steady) * 1000,
        "p99": steady[int(len(steady) * 0.99)] * 1000,
    }


async def _feed(amqp_url: str, exchange: str, rate: int, seconds: int) -> None:
    """Publish at an even rate without waiting for the confirms; what is due together is one write."""
    total, sent, bursts = rate * seconds, 0, []
    async with Broker(amqp_url, "feeder").channel("feeder") as channel:
        underlay = cast(aiormq.Channel, await channel.get_underlay_channel())
        began = time.perf_counter()
        while sent < total:
            await asyncio.sleep(max(0.0, began + sent / rate - time.perf_counter()))
            due = min(total, max(sent, int((time.perf_counter() - began) * rate)) + 1)
            burst = [moved(number, f"{time.time():.6f}".ljust(330, "x")) for number in range(sent, due)]
            bursts.append(asyncio.create_task(pipelined.publish(underlay, exchange, burst, CONFIRM_SECONDS)))
            sent = due
        await asyncio.gather(*bursts)


async def measure(dsn: str, amqp_url: str, rounds: int = 5) -> list[dict[str, Any]]:
    """Our hop and the peer's handler, interleaved, as `make bench` writes them.

    Also our hop with the messages of many merchants, and the latency at 500 messages/s.
    """
    where = ["--dsn", dsn, "--amqp", amqp_url]
    pairs, spread, latencies = [], [], []
    for _ in range(rounds):
        ours, peer = await _figures(*OURS, *where), await _figures(*PEER, *where)
        pairs.append((ours["rate"], peer["rate"]))
        many = await _figures(*OURS, *where, "--merchants", str(MERCHANTS))
        spread.append((many["rate"], ours["rate"]))
        latencies.append(await _figures(*OURS, *where, "--rate", "500"))
    rate, peer_rate = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = round(statistics.median(ours / peer for ours, peer in pairs), 3)
    figures = [
        {"name": "hop", "value": rate, "unit": "msg/s", "peer": "FastStream", "peer_value": peer_rate, "ratio": ratio}
    ]
    many_rate, one_rate = (statistics.median(side) for side in zip(*spread, strict=True))
    ratio = round(statistics.median(many / one for many, one in spread), 3)
    name = f"hop, {MERCHANTS:,} merchants"
    figures.append(
        {"name": name, "value": many_rate, "unit": "msg/s", "peer": "hop", "peer_value": one_rate, "ratio": ratio}
    )
    for each in ("p50", "p99"):
        value = statistics.median(latency[each] for latency in latencies)
        name = f"hop latency {each} at 500 msg/s"
        figures.append({"name": name, "value": value, "unit": "ms", "peer": None, "peer_value": None, "ratio": None})
    return figures


async def _figures(*command: str) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[:3]} ended with {process.returncode}")
    figures: dict[str, float] = json.loads(out)
    return figures


def main() -> None:
    """Measure once and print the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--amqp", required=True)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--merchants", type=int, default=1)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--namespace", help="feed the hop that runs under this namespace")
    given = parser.parse_args()
    logs.configure("bench", "error")
    if given.namespace:
        measured = round_trips(given.amqp, Topology(given.namespace), given.rate, seconds=10)
    elif given.rate:
        measured = latency(given.dsn, given.amqp, given.rate)
    else:
        measured = throughput(given.dsn, given.amqp, given.count, given.merchants)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(measured)))  # noqa: T201 - the result


if __name__ == "__main__":
    main()
