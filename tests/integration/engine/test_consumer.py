"""Messages are handled even if their connection breaks."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import aiormq
import pytest
from aio_pika.abc import AbstractChannel
from aiormq.abc import ChannelFrame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from tests.integration.engine.conftest import Engine, Noted, message
from tests.support.eventually import eventually
from tests.support.proxy import proxied
from tests.support.waiting import waiting

from common.bus import broker as broker_module
from common.bus.consumer import WATCH_SECONDS, Deliveries
from common.db.unit import Unit
from common.errors import Unavailable

SECONDS_TO_WATCH = 5 * WATCH_SECONDS
"""Speed of the clock at which the consumer asks whether it is still known after a fifth of a second."""

SOME_TIME = datetime.fromtimestamp(int.from_bytes(b"????"), UTC)


async def test_a_handler_is_not_cancelled_when_the_connection_drops(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that is running when the channel drops completes, and the redelivery changes nothing."""
    await engine.declare()
    started, go_on, dropped, cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event(), []
    monkeypatch.setattr(Deliveries, "wake", lambda *_: dropped.set())  # called when the channel is closed

    async def take_long(_: Noted, __: Unit) -> None:
        started.set()
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    engine.on_noted = take_long
    async with proxied(engine.amqp_url) as proxy:
        await engine.run(engine.consumer(engine.inbox(), proxy.url(engine.amqp_url)).run)
        await engine.publisher().publish([message("a")])
        await started.wait()
        proxy.disconnect()
        await eventually(dropped.is_set)
        for _ in range(10):  # turns of the loop, in which a cancellation would arrive
            await asyncio.sleep(0)
        monkeypatch.undo()
        go_on.set()
        await eventually(lambda: proxy.connections > 1)
        await engine.publisher().publish([message("b")])
        await eventually(lambda: engine.handled == ["a", "b"])

    assert cancelled == []
    assert await engine.noted() == ["a", "b"]


async def test_a_message_is_not_acked_before_its_effect_is_committed(engine: Engine) -> None:
    """A consumer that ends between delivery and commit loses nothing: the message is redelivered."""
    await engine.declare()
    inbox, reached = engine.inbox(), asyncio.Event()

    async def hang(_: Noted, __: Unit) -> None:
        reached.set()
        await asyncio.Event().wait()

    engine.on_noted = hang
    dying = asyncio.create_task(engine.consumer(inbox).run(asyncio.Event()))
    await engine.publisher().publish([message("a")])
    await reached.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    engine.on_noted = None
    await engine.run(engine.consumer(engine.inbox()).run)

    await eventually(lambda: engine.handled == ["a"])


async def test_consumer_resumes_after_the_broker_cancels_it(engine: Engine) -> None:
    """When the queue is deleted, the consumer notices at once, and declares and consumes it again."""
    await engine.declare()
    consumer = engine.consumer(engine.inbox())
    await engine.run(consumer.run, speed=0)  # the consumer asks whether it is known only when time has passed
    await eventually(consumer.ready.is_set)
    async with engine.broker().channel("vandal") as channel:
        await channel.queue_delete(engine.topology.queue("engine"))
    await eventually(lambda: not consumer.ready.is_set())

    async with engine.clock.running():
        await eventually(consumer.ready.is_set)
        await engine.publisher().publish([message("after")])
        await eventually(lambda: engine.handled == ["after"])


async def test_stop_finishes_the_running_batch_and_leaves_the_rest(engine: Engine) -> None:
    """A stop during a burst loses nothing: unhandled messages remain for the next start."""
    await engine.declare()
    texts = [f"{number:03}" for number in range(500)]
    await engine.publisher().publish([message(text) for text in texts])
    stop = asyncio.Event()

    async def stop_soon(event: Noted, _: Unit) -> None:
        if event.text == "050":
            stop.set()

    engine.on_noted = stop_soon
    await asyncio.wait_for(engine.consumer(engine.inbox()).run(stop), 20)
    assert 0 < len(await engine.noted()) < len(texts)
    engine.on_noted = None
    await engine.run(engine.consumer(engine.inbox()).run)

    await eventually(lambda: len(engine.handled) >= len(texts))
    assert await engine.noted() == texts


async def test_message_with_a_malformed_id_is_identified_by_its_content(engine: Engine) -> None:
    """A foreign publisher's message with a malformed id, sent twice, has one effect."""
    await engine.declare()
    await engine.run(engine.consumer(engine.inbox()).run)
    strange, exchange = Basic.Properties(message_id="order 7"), engine.topology.exchange
    async with engine.broker().channel("foreign") as channel:
        underlay = await channel.get_underlay_channel()
        for text in ("a", "a", "b"):
            await underlay.basic_publish(
                message(text).body, exchange=exchange, routing_key=Noted.type, properties=strange
            )
    await eventually(lambda: "b" in engine.handled)

    assert engine.handled == ["a", "b"]


@pytest.mark.parametrize(
    ("properties", "plain", "odd", "parked"),
    [
        (Basic.Properties(message_id="order ?"), b"order ?", b"order \xe9", 0),
        (Basic.Properties(message_type="noted ?"), b"noted ?", b"noted \xe9", 1),
        (Basic.Properties(headers={"caf?": "a"}), b"caf?", b"caf\xe9", 0),
        (Basic.Properties(headers={"since": SOME_TIME}), b"\0\0\0\0????", b"\xff" * 8, 0),
        (Basic.Properties(timestamp=SOME_TIME), b"\0\0\0\0????", b"\0\6????\0\0", 0),
        (Basic.Properties(timestamp=SOME_TIME), b"\0\0\0\0????", b"\xff" * 8, 0),
    ],
    ids=["id", "type", "name of a header", "header of no calendar", "time in microseconds", "time of no calendar"],
)
async def test_malformed_properties_block_nothing(
    engine: Engine, properties: Basic.Properties, plain: bytes, odd: bytes, parked: int
) -> None:
    """A message whose properties cannot be decoded is handled or becomes a dead letter, like any other."""
    await engine.declare()
    body = message("odd").body
    async with engine.broker().channel("foreign") as channel, proxied(engine.amqp_url) as proxy:
        underlay = cast(aiormq.Channel, await channel.get_underlay_channel())
        publish = Basic.Publish(exchange=engine.topology.exchange, routing_key=Noted.type)
        header = ContentHeader(properties=properties, body_size=len(body))
        frames = ChannelFrame.marshall(underlay.number, [publish, header, ContentBody(body)])
        assert frames.payload.count(plain) == 1
        await underlay.write_queue.put(replace(frames, payload=frames.payload.replace(plain, odd)))
        await engine.publisher().publish([message("after")])
        await engine.run(engine.consumer(engine.inbox(), proxy.url(engine.amqp_url)).run)
        await eventually(lambda: "after" in engine.handled)

        await eventually(lambda: _taken_or_parked(engine, 2))
        assert len(await engine.fetch("SELECT FROM dead_letter")) == parked
        assert proxy.connections == 1


async def _taken_or_parked(engine: Engine, count: int) -> bool:
    return len(engine.handled) + len(await engine.fetch("SELECT FROM dead_letter")) == count


async def test_batch_is_retried_while_the_database_is_unavailable(engine: Engine) -> None:
    """A batch that the database could not take is neither acked nor lost, and is handled later."""
    await engine.declare()
    failures = [Unavailable(), Unavailable()]

    async def fail_first(_: Noted, __: Unit) -> None:
        if failures:
            raise failures.pop()

    engine.on_noted = fail_first
    await engine.run(engine.consumer(engine.inbox()).run)
    await engine.publisher().publish([message("a"), message("b")])

    await eventually(lambda: sorted(engine.handled) == ["a", "b"])


@pytest.mark.parametrize("others", [0, 1])
async def test_consumer_that_the_broker_forgot_ends(engine: Engine, others: int) -> None:
    """A silently lost consumer is detected by asking the broker, even when it knows another consumer."""
    await engine.declare()

    async def consume_unknown() -> None:
        async with engine.broker().channel("lost") as channel, engine.broker().channel("other") as other:
            underlay = cast(aiormq.Channel, await channel.get_underlay_channel())
            deliveries = Deliveries(underlay, asyncio.Event(), engine.clock)
            await deliveries.begin(engine.topology.queue("engine"))
            for tag in list(underlay.consumers):
                await underlay.basic_cancel(tag)
            for _ in range(others):
                await take_one(other)
            await anext(deliveries)

    async def take_one(channel: AbstractChannel) -> None:
        """Consume one message of two and never be done with it."""
        await channel.set_qos(prefetch_count=1)
        queue = await channel.get_queue(engine.topology.queue("engine"))
        taken = asyncio.Event()

        async def on_message(_: object) -> None:
            taken.set()

        await queue.consume(on_message)
        await engine.publisher().publish([message("a"), message("b")])
        await taken.wait()

    async with asyncio.timeout(10), engine.clock.running(speed=SECONDS_TO_WATCH):
        with pytest.raises(Unavailable, match="no longer delivers"):
            await consume_unknown()


async def test_stop_does_not_wait_for_a_silent_broker(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that waits for a silent broker ends with its stop, not with the answer."""
    monkeypatch.setattr(broker_module, "CLOSE_SECONDS", 0.2)
    await engine.declare()
    async with proxied(engine.amqp_url) as proxy, engine.clock.running(speed=SECONDS_TO_WATCH):
        consumer, stop = engine.consumer(engine.inbox(), proxy.url(engine.amqp_url)), asyncio.Event()
        running = asyncio.create_task(consumer.run(stop))
        await eventually(consumer.ready.is_set)
        proxy.stall()
        await eventually(lambda: proxy.withheld)
        stop.set()
        async with waiting() as waited:
            await asyncio.wait_for(running, 60)
        assert waited.seconds < 3


def test_frozen_broker_is_detected_within_half_a_minute() -> None:
    """The library gives up a silent broker after three heartbeats."""
    assert 3 * (broker_module.HEARTBEAT_SECONDS + 1) < 30


@pytest.fixture
def quick_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that says nothing is given up after two to three seconds."""
    monkeypatch.setattr(broker_module, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(aiormq.Connection, "HEARTBEAT_GRACE_MULTIPLIER", 1)


@pytest.mark.usefixtures("quick_heartbeat")
@pytest.mark.parametrize("speed", [1.0, 8.0], ids=["while it waits", "while it asks whether it is known"])
async def test_frozen_broker_is_detected_and_replaced(engine: Engine, speed: float) -> None:
    """A silent broker is given up, both while the consumer waits and while it asks."""
    await engine.declare()
    async with proxied(engine.amqp_url) as proxy:
        consumer = engine.consumer(engine.inbox(), proxy.url(engine.amqp_url))
        await engine.run(consumer.run, speed=speed)
        await eventually(consumer.ready.is_set)
        proxy.stall()
        await eventually(lambda: not consumer.ready.is_set())
        proxy.resume()
        await eventually(consumer.ready.is_set)


@pytest.mark.usefixtures("quick_heartbeat")
async def test_publish_during_a_freeze_is_unavailable(engine: Engine) -> None:
    """A publish during a freeze raises Unavailable, and works again when the broker does."""
    await engine.declare()
    async with proxied(engine.amqp_url) as proxy:
        publisher = engine.publisher(proxy.url(engine.amqp_url))
        assert await publisher.publish([message("a")]) == {}
        proxy.stall()
        with pytest.raises(Unavailable):
            await publisher.publish([message("b")])
        proxy.resume()
        assert await publisher.publish([message("b")]) == {}


async def test_publishing_and_consuming_use_separate_connections(engine: Engine) -> None:
    """A broker short of memory stops reading from publishers; acks use another connection."""
    async with proxied(engine.amqp_url) as proxy:
        broker = engine.broker(proxy.url(engine.amqp_url))
        async with broker.channel("publisher"), broker.channel("consumer"):
            assert proxy.connections == 2


async def test_connecting_to_a_silent_broker_is_bounded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that accepts and never responds is Unavailable after the time limit."""
    monkeypatch.setattr(broker_module, "CONNECT_SECONDS", 0.3)
    async with proxied(engine.amqp_url) as proxy:
        proxy.stall()
        with pytest.raises(Unavailable):
            async with asyncio.timeout(5), engine.broker(proxy.url(engine.amqp_url)).channel("any"):
                pass
