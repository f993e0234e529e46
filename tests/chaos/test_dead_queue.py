"""Killing the broker in the first moments of a queue's life loses no event and stops no service."""

import logging
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.engine.conftest import Engine, Noted, engine, engine_database
from tests.support.eventually import eventually

from common.bus.queues import REVIVED
from quicksync_dev.backends.programs import EPMD, RABBITMQ, locate
from quicksync_dev.backends.rabbitmq import PrivateRabbit
from quicksync_dev.datadir import DataDir

__all__ = ["engine", "engine_database"]

log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
async def broker() -> AsyncIterator[PrivateRabbit]:
    """A broker of this module's own, which the tests kill."""
    with tempfile.TemporaryDirectory(prefix="quicksync-dead-queue-") as folder:
        data_dir = DataDir(Path(folder))
        with data_dir.locked(log.info):
            server, epmd = locate([RABBITMQ, EPMD])
            started = PrivateRabbit(data_dir, server, epmd, log.info)
            await started.start()
            yield started
            await started.stop()


@pytest.fixture(scope="module")
def amqp_url(broker: PrivateRabbit) -> str:
    """The address that the engine of these tests uses."""
    return broker.url


async def restart(broker: PrivateRabbit) -> None:
    await broker.kill()
    await broker.start()


async def die_young(engine: Engine, broker: PrivateRabbit) -> None:
    """Declare the queue and kill the broker until the queue is dead: the kill must be quick enough."""
    engine.topology = replace(engine.topology, subscriptions={"engine": [Noted.type]})
    for attempt in range(5):
        engine.topology = replace(engine.topology, namespace=f"{attempt}{engine.topology.namespace}")
        async with engine.broker().channel("early") as channel:
            await engine.topology.declare(channel)
            await restart(broker)
        if not await engine.queues().has_leader("engine"):
            return
    pytest.fail("the queue survived every kill")


@pytest.mark.timeout(400)
async def test_queue_that_died_young_is_replaced(engine: Engine, broker: PrivateRabbit) -> None:
    """A service replaces its queue after a crash that left it dead, and reports that to the operators."""
    reports: list[str] = []

    async def report(_: str, what: str) -> None:
        reports.append(what)

    await die_young(engine, broker)
    engine.report = report
    await engine.emit("a", "b", "c")
    await engine.run(engine.relay(engine.publisher()).run, engine.consumer(engine.inbox()).run, speed=1)

    await eventually(lambda: sorted(engine.handled) == ["a", "b", "c"], within=90)
    await eventually(lambda: _is_published(engine), within=20)
    assert reports == [REVIVED]


@pytest.mark.timeout(400)
async def test_kill_in_the_first_moments_loses_no_event(engine: Engine, broker: PrivateRabbit) -> None:
    """Events that are emitted before their queue exists arrive once, wherever in its first moments the broker dies."""
    engine.topology = replace(engine.topology, subscriptions={"engine": [Noted.type]})
    texts = [f"{number:03}" for number in range(300)]
    await engine.emit(*texts)
    await engine.run(engine.relay(engine.publisher()).run, speed=1)
    await eventually(lambda: engine.clock.sleepers, within=20)  # the queue is declared, and settles
    await restart(broker)
    await eventually(lambda: _is_published(engine), within=90)
    await restart(broker)
    await engine.run(engine.consumer(engine.inbox()).run, speed=1)

    await eventually(lambda: _has_noted(engine, texts), within=60)


async def _has_noted(engine: Engine, texts: list[str]) -> bool:
    """Whether each text is noted once, and committed: `handled` counts before the commit."""
    noted = await engine.noted()
    assert len(noted) <= len(texts)
    return noted == texts


async def _is_published(engine: Engine) -> bool:
    return not await engine.fetch("SELECT FROM outbox")
