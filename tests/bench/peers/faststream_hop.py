"""The peer of the hop: a FastStream handler doing the same inbox insert and business write, without any outbox."""

import argparse
import asyncio
import json
import time
import uuid

import aio_pika
import asyncpg
import uvloop
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from pydantic import BaseModel

TABLES = """
CREATE TABLE inbox (id uuid PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE counter (item text PRIMARY KEY, n integer NOT NULL, last text NOT NULL) WITH (fillfactor = 70);
INSERT INTO counter SELECT 'item-' || number, 0, '' FROM generate_series(0, 999) AS number;
"""
CLAIM = "INSERT INTO inbox (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id"
COUNT = "UPDATE counter SET n = n + 1, last = $2 WHERE item = $1"
TEXT = "x" * 330


class Moved(BaseModel):
    """The same message as ours."""

    id: uuid.UUID
    merchant_id: str
    item: str
    text: str


async def measure(dsn: str, amqp_url: str, count: int) -> dict[str, float]:
    """Messages per second from a full queue until the last is handled and acked."""
    name = f"peer_{uuid.uuid4().hex[:8]}"
    admin = await asyncpg.connect(dsn)
    await admin.execute(f"CREATE SCHEMA {name}; SET search_path TO {name}; {TABLES}")
    pool = await asyncpg.create_pool(dsn, min_size=10, max_size=10, server_settings={"search_path": name})
    broker = RabbitBroker(amqp_url, default_channel=Channel(prefetch_count=100), logger=None)
    finished = asyncio.Event()
    handled = 0

    @broker.subscriber(RabbitQueue(name, queue_type=QueueType.QUORUM, durable=True))
    async def handle(message: Moved) -> None:
        nonlocal handled
        async with pool.acquire() as conn, conn.transaction():
            if await conn.fetchval(CLAIM, message.id):
                await conn.execute(COUNT, message.item, message.text)
        handled += 1
        if handled == count:
            finished.set()

    connection = await aio_pika.connect(amqp_url)
    channel = await connection.channel()
    await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
    await _feed(channel, name, count)
    began = time.perf_counter()
    await broker.start()
    await finished.wait()
    seconds = time.perf_counter() - began
    await broker.stop()
    await channel.queue_delete(name)
    await connection.close()
    await pool.close()
    await admin.execute(f"DROP SCHEMA {name} CASCADE")
    await admin.close()
    return {"rate": count / seconds}


async def _feed(channel: aio_pika.abc.AbstractChannel, queue: str, count: int) -> None:
    for start in range(0, count, 200):
        await asyncio.gather(
            *(
                channel.default_exchange.publish(_message(number), routing_key=queue)
                for number in range(start, min(count, start + 200))
            )
        )


def _message(number: int) -> aio_pika.Message:
    moved = Moved(id=uuid.uuid4(), merchant_id="MRCHNT0000001", item=f"item-{number % 1000}", text=TEXT)
    return aio_pika.Message(moved.model_dump_json().encode(), delivery_mode=2, content_type="application/json")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--amqp", required=True)
    parser.add_argument("--count", type=int, default=5_000)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(measure(given.dsn, given.amqp, given.count))))  # noqa: T201 - the result
