"""Messages are handled whatever becomes of the connection they came by."""

import asyncio

from tests.integration.engine.conftest import Engine, Noted, message
from tests.support.eventually import eventually
from tests.support.proxy import proxied

from common.db.unit import Unit


async def test_a_handler_is_not_cancelled_when_the_connection_drops(engine: Engine) -> None:
    """A handler under way when the channel drops ends well, and the redelivery changes nothing."""
    await engine.declare()
    started, go_on, cancelled = asyncio.Event(), asyncio.Event(), []

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
        proxy.hang_up()
        await eventually(lambda: proxy.connections == 1)
        go_on.set()
        await eventually(lambda: proxy.connections > 1)
        await engine.publisher().publish([message("b")])
        await eventually(lambda: engine.handled == ["a", "b"])

    assert cancelled == []
    assert await engine.noted() == ["a", "b"]


async def test_a_message_is_not_acked_before_its_effect_is_committed(engine: Engine) -> None:
    """A consumer that ends between delivery and commit loses nothing: the message comes again."""
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


async def test_consuming_goes_on_after_the_broker_cancels_the_consumer(engine: Engine) -> None:
    """When the queue is deleted under the consumer it is declared and consumed again."""
    await engine.declare()
    consumer = engine.consumer(engine.inbox())
    await engine.run(consumer.run)
    await asyncio.wait_for(consumer.ready.wait(), 10)
    async with engine.broker().channel("vandal") as channel:
        await channel.queue_delete(engine.topology.queue("engine"))
    await eventually(lambda: not consumer.ready.is_set())
    await asyncio.wait_for(consumer.ready.wait(), 10)

    await engine.publisher().publish([message("after")])
    await eventually(lambda: engine.handled == ["after"])


async def test_stopping_finishes_what_is_under_way_and_leaves_the_rest(engine: Engine) -> None:
    """A stop in the middle of a burst loses nothing: what was not handled is there for the next start."""
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


async def test_a_message_without_a_proper_id_is_known_by_what_it_says(engine: Engine) -> None:
    """A foreign publisher's message with a strange id, sent twice, has one effect."""
    await engine.declare()
    await engine.run(engine.consumer(engine.inbox()).run)
    body = message("a").body
    async with engine.broker().channel("foreign") as channel:
        underlay = await channel.get_underlay_channel()
        for _ in range(2):
            await underlay.basic_publish(body, exchange=engine.topology.exchange, routing_key=Noted.type)
            # without a message_id of the caller's aiormq makes one up; an odd one is taken as it is
    await eventually(lambda: len(engine.handled) == 2)
