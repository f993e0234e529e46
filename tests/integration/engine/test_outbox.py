"""Exactly the committed events reach the broker, despite every failure on the way."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import asyncpg
import pytest
import structlog
from tests.integration.engine.conftest import MERCHANT, Engine, Noted, message
from tests.support.eventually import eventually
from tests.support.proxy import proxied

from common.errors import Unavailable


async def test_an_event_leaves_only_with_its_transaction(engine: Engine) -> None:
    """An event of a unit that fails is never published."""

    async def fail() -> None:
        async with engine.database.unit() as unit:
            unit.emit(Noted(merchant_id=MERCHANT, text="never"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await engine.fetch("SELECT FROM outbox") == []


async def test_a_committed_event_is_published_and_its_row_deleted(engine: Engine) -> None:
    """The relay publishes the event, and the handler has its effect."""
    await engine.declare()
    await engine.emit("a", "b")
    await engine.run(engine.relay(engine.publisher()).run, engine.consumer(engine.inbox()).run)

    await eventually(lambda: engine.handled == ["a", "b"])
    await eventually(lambda: _empty(engine))


async def test_unroutable_event_is_kept_until_a_queue_is_bound(engine: Engine) -> None:
    """An event that no queue accepts keeps its row, with the reason, and is published later."""
    relay = engine.relay(engine.publisher())
    await engine.emit("a")

    assert [await relay.publish_due() for _ in range(2)] == [1, 0]  # the second time it is not due yet
    [row] = await engine.fetch("SELECT attempts, error FROM outbox")
    assert (row["attempts"], row["error"]) == (1, "no queue is bound for it")

    await engine.declare()
    engine.clock.advance(10)
    assert await relay.publish_due() == 1
    assert await _empty(engine)


async def test_refused_event_type_is_logged_once(engine: Engine) -> None:
    """Each type is logged when it is first refused and when it is accepted again."""
    relay = engine.relay(engine.publisher())
    await engine.emit("a")
    with structlog.testing.capture_logs() as lines:
        for _ in range(4):
            await relay.publish_due()
            engine.clock.advance(60)
        await engine.declare()
        assert await relay.publish_due() == 1

    logged = [(line["event"], line["type"]) for line in lines]
    assert logged == [("events refused by the broker", Noted.type), ("events accepted by the broker again", Noted.type)]


async def test_unroutable_event_is_retried_with_backoff(engine: Engine) -> None:
    """Unroutable events do not block the others: each retry comes later."""
    relay = engine.relay(engine.publisher())
    await engine.emit("a")
    pauses = []
    for _ in range(9):
        await relay.publish_due()
        [row] = await engine.fetch("SELECT due_at FROM outbox")
        pauses.append((row["due_at"] - engine.clock.now()).total_seconds())
        engine.clock.advance(300)

    assert all(earlier < later for earlier, later in zip(pauses[:7:2], pauses[2:9:2], strict=True))
    assert pauses[0] <= 2
    assert 150 <= pauses[-1] <= 300


async def test_stopping_relay_has_a_bounded_last_round(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """While other replicas keep emitting, a stopping relay leaves the rest to them."""
    monkeypatch.setattr("common.db.outbox.BATCH", 1)
    await engine.declare()
    await engine.emit(*map(str, range(5000)))
    relay, stop = engine.relay(engine.publisher()), asyncio.Event()
    stop.set()
    async with engine.clock.running(), asyncio.timeout(5):
        await relay.run(stop)

    assert not await _empty(engine)
    assert await engine.fetch("SELECT FROM lease") == []


async def test_unroutable_event_does_not_block_the_others(engine: Engine) -> None:
    """Of a burst, only the unroutable events stay."""
    await engine.declare()
    lost = message("lost", type="engine.without_subscriber.v1")
    failed = await engine.publisher().publish([message("a"), lost, message("b")])

    assert dict(failed) == {lost.id: "no queue is bound for it"}


async def test_event_is_kept_for_a_service_that_never_ran(engine: Engine) -> None:
    """An event that one service's queue accepts is kept for a service that has no queue yet."""
    engine.topology = replace(engine.topology, subscriptions={"engine": [Noted.type], "other": [Noted.type]})
    async with engine.broker().channel("other") as channel:
        await engine.topology.declare_queue(channel, "other", [Noted.type])
    async with engine.clock.running():
        assert await engine.publisher().publish([message("a")]) == {}
    await engine.run(engine.consumer(engine.inbox()).run)

    await eventually(lambda: engine.handled == ["a"])


async def test_unbound_type_no_longer_reaches_the_queue(engine: Engine) -> None:
    """A type that the last release retired loses its binding when the queue is declared."""
    await engine.declare()
    assert await engine.publisher().publish([message("a")]) == {}
    engine.topology = replace(engine.topology, subscriptions={"engine": []}, unbound={"engine": [Noted.type]})

    after = message("b")
    async with engine.clock.running():
        failed = await engine.publisher().publish([after])
    assert dict(failed) == {after.id: "no queue is bound for it"}


async def test_missing_confirm_causes_a_repeat_and_loses_no_event(engine: Engine) -> None:
    """While the broker is silent the rows stay; afterwards they arrive, with one effect each."""
    await engine.declare()
    async with proxied(engine.amqp_url) as proxy:
        publisher = engine.publisher(proxy.url(engine.amqp_url), confirm_seconds=0.5)
        relay = engine.relay(publisher)
        await engine.emit("before")
        assert await relay.publish_due() == 1

        proxy.stall()
        await engine.emit("a", "b")
        with pytest.raises(Unavailable):
            await relay.publish_due()
        assert len(await engine.fetch("SELECT FROM outbox")) == 2

        proxy.resume()
        await eventually(relay.publish_due)
    await engine.run(engine.consumer(engine.inbox()).run)
    await eventually(lambda: sorted(engine.handled) == ["a", "b", "before"])


async def test_waiting_for_confirms_is_bounded(engine: Engine) -> None:
    """Each burst has its own time limit, independent of the connection's heartbeat."""
    await engine.declare()
    async with proxied(engine.amqp_url) as proxy:
        publisher = engine.publisher(proxy.url(engine.amqp_url), confirm_seconds=0.3)
        assert await publisher.publish([message("a")]) == {}
        proxy.stall()
        with pytest.raises(Unavailable):
            async with asyncio.timeout(6):
                await publisher.publish([message("b")])


async def test_cancelled_publish_discards_its_connection(engine: Engine) -> None:
    """The delivery tags of a cancelled publish are in doubt, so its channel is not used again."""
    await engine.declare()
    async with proxied(engine.amqp_url) as proxy:
        publisher = engine.publisher(proxy.url(engine.amqp_url))
        assert await publisher.publish([message("a")]) == {}
        proxy.stall()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await publisher.publish([message("b")])
        proxy.resume()
        assert await publisher.publish([message("c")]) == {}

        assert proxy.connections == 2


async def test_cancelled_publish_never_confirms_another(engine: Engine) -> None:
    """After a cancellation anywhere in a burst, a new channel confirms only messages that arrived."""
    await engine.declare()
    publisher = engine.publisher()
    for delay in range(12):
        with suppress(TimeoutError):
            async with asyncio.timeout(delay / 2000):
                await publisher.publish([message(f"lost {delay}") for _ in range(20)])
        assert await publisher.publish([message(f"kept {delay}")]) == {}
    await engine.run(engine.consumer(engine.inbox()).run)

    await eventually(lambda: {f"kept {delay}" for delay in range(12)} <= set(engine.handled))


async def test_a_cut_connection_is_replaced(engine: Engine) -> None:
    """After the connection breaks, the relay publishes on another one."""
    await engine.declare()
    async with proxied(engine.amqp_url) as proxy:
        relay = engine.relay(engine.publisher(proxy.url(engine.amqp_url)))
        await engine.run(relay.run)
        await engine.emit("a")
        await eventually(lambda: _empty(engine))
        proxy.disconnect()
        await engine.emit("b")
        await eventually(lambda: _empty(engine))


async def test_event_that_commits_late_is_published(engine: Engine) -> None:
    """A transaction that began first and commits last still has its event published."""
    await engine.declare()
    relay = engine.relay(engine.publisher())
    async with engine.database.unit() as slow:
        slow.emit(Noted(merchant_id=MERCHANT, text="late"))
        await slow.flush()
        await engine.emit("early")
        assert await relay.publish_due() == 1
        slow._events.clear()  # noqa: SLF001 - it is written already

    assert await relay.publish_due() == 1
    assert await _empty(engine)


async def test_one_relay_at_a_time_until_its_lease_expires(engine: Engine) -> None:
    """A second replica publishes nothing while the first holds the lease, and takes over when it expires."""
    await engine.declare()
    first, second = engine.relay(engine.publisher()), engine.relay(engine.publisher())
    await engine.emit("a")
    assert await first.publish_due() == 1
    await engine.emit("b")
    assert await second.publish_due() == 0

    await engine.fetch("UPDATE lease SET expires_at = now() - interval '1 second'")
    assert await second.publish_due() == 1


async def test_a_relay_that_lost_its_lease_deletes_nothing_unpublished(engine: Engine) -> None:
    """A relay that lost its lease publishes nothing and deletes nothing."""
    await engine.declare()
    stale, active = engine.relay(engine.publisher()), engine.relay(engine.publisher())
    await stale.publish_due()
    await engine.fetch("UPDATE lease SET expires_at = now() - interval '1 second'")
    await active.publish_due()
    await engine.emit("a")

    assert await stale.publish_due() == 0
    assert len(await engine.fetch("SELECT FROM outbox")) == 1


async def test_event_without_a_wakeup_is_found_by_polling(engine: Engine) -> None:
    """The relay finds rows that were committed without a wake-up."""
    await engine.declare()
    await engine.emit("first")
    await engine.run(engine.relay(engine.publisher()).run)
    await eventually(lambda: _empty(engine))  # it has looked, and waits
    connection = await asyncpg.connect(engine.dsn, server_settings={"search_path": "engine"})
    sent = message("quiet")
    await connection.execute(
        "INSERT INTO outbox VALUES ($1, $2, $3, $4, '', $4)", sent.id, sent.type, sent.body, sent.at
    )
    await connection.close()

    await eventually(lambda: _empty(engine))


async def _empty(engine: Engine) -> bool:
    return not await engine.fetch("SELECT FROM outbox")
