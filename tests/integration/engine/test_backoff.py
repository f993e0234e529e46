"""A loop that cannot reach what it depends on pauses between its tries."""

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import pytest
from tests.integration.engine.conftest import Engine
from tests.support.eventually import eventually
from tests.support.proxy import Proxy, proxied

from common import backoff
from common.backoff import backoff_delay
from common.clock import SystemClock
from common.db.database import Database
from common.db.inbox import Inbox
from common.db.outbox import Relay
from common.db.wakeup import Wakeups
from common.service import Loop
from common.work.worker import Worker

SPINNING = 30
"""More tries than pauses leave room for in a second: at most five, of up to two connections each."""


@pytest.fixture
async def broker(engine: Engine) -> AsyncIterator[Proxy]:
    """A broker behind a door that can be shut."""
    async with proxied(engine.amqp_url) as proxy:
        yield proxy


@pytest.fixture
async def postgres(engine: Engine) -> AsyncIterator[Proxy]:
    """A database behind a door that can be shut."""
    async with proxied(engine.dsn) as proxy:
        yield proxy


async def shut(proxy: Proxy) -> None:
    """Cut every connection and let none in again."""
    proxy.accepting = False
    proxy.disconnect()


async def tries_now_and_then(proxy: Proxy) -> bool:
    """Whether it tries, and not as fast as it can."""
    await eventually(lambda: proxy.refused)
    with pytest.raises(AssertionError):
        await eventually(lambda: proxy.refused > SPINNING, within=1.0)
    return True


@pytest.mark.parametrize("name", ["relay", "consumer"])
async def test_loop_without_its_broker_backs_off(engine: Engine, broker: Proxy, name: str) -> None:
    """Neither publishing nor consuming spins on an unavailable broker."""
    url = broker.url(engine.amqp_url)
    loops: dict[str, Loop] = {
        "relay": engine.relay(engine.publisher(url)).run,
        "consumer": engine.consumer(engine.inbox(), url).run,
    }
    await engine.emit("a")
    await shut(broker)
    await engine.run(loops[name])

    assert await tries_now_and_then(broker)


async def test_consumer_without_progress_backs_off_longer_each_time(
    engine: Engine, broker: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that break before the first ack are replaced more and more slowly."""
    attempts: list[int] = []

    def noted(attempt: int, **limits: float) -> timedelta:
        attempts.append(attempt)
        return backoff_delay(attempt, **limits)

    monkeypatch.setattr(backoff, "backoff_delay", noted)
    await engine.declare()
    consumer = engine.consumer(engine.inbox(), broker.url(engine.amqp_url))
    await engine.run(consumer.run)
    for attempt in range(1, 5):
        await eventually(consumer.ready.is_set)
        broker.disconnect()
        await eventually(partial(attempts.__contains__, attempt))
    await eventually(consumer.ready.is_set)

    assert attempts == list(range(1, len(attempts) + 1))


@pytest.mark.parametrize("name", ["relay", "inbox", "worker", "wakeups"])
async def test_loop_without_its_database_backs_off(engine: Engine, postgres: Proxy, name: str) -> None:
    """None of the loops spins on an unavailable database."""
    dsn = postgres.url(engine.dsn)
    database = Database(dsn, "engine", SystemClock())
    await database.open()
    engine.stack.push_async_callback(database.close)
    loops: dict[str, Loop] = {
        "relay": Relay(database, engine.publisher(), engine.metrics).run,
        "inbox": Inbox(database, {}, engine.metrics).run,
        "worker": Worker(database, [], None, engine.metrics).run,
        "wakeups": Wakeups(dsn, "engine", SystemClock()).run,
    }
    await shut(postgres)
    await engine.run(loops[name])

    assert await tries_now_and_then(postgres)
