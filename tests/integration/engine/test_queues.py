"""A queue takes messages only when it is safely on disk, and one that died young is replaced."""

import asyncio
from dataclasses import replace

import pytest
from tests.integration.engine.conftest import Engine, Noted, message
from tests.support.eventually import eventually

from common.bus import pipelined
from common.bus.publisher import AmqpPublisher
from common.bus.queues import LEADERLESS, REVIVED, SETTLE_SECONDS, Queues
from common.errors import Unavailable


@pytest.fixture
def reports() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def queues(engine: Engine, reports: list[tuple[str, str]]) -> Queues:
    """The queues of a system in which only the engine subscribes."""
    engine.topology = replace(engine.topology, subscriptions={"engine": [Noted.type]})

    async def report(queue: str, what: str) -> None:
        reports.append((queue, what))

    engine.report = report
    return engine.queues()


@pytest.fixture
def leaderless(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The answers to the next looks for a leader; afterwards the queue has one."""
    answers: list[bool] = []

    async def has_leader(*_: object) -> bool:
        return answers.pop(0) if answers else True

    monkeypatch.setattr(Queues, "has_leader", has_leader)
    return answers


def publisher_on(engine: Engine, queues: Queues) -> AmqpPublisher:
    publisher = AmqpPublisher(queues)
    engine.stack.push_async_callback(publisher.close)
    return publisher


async def waiting(engine: Engine) -> int | None:
    """How many messages are in the queue."""
    async with engine.broker().channel("count") as channel:
        queue = await channel.declare_queue(engine.topology.queue("engine"), passive=True)
        return queue.declaration_result.message_count


async def test_new_queue_takes_no_message_in_its_first_seconds(engine: Engine, queues: Queues) -> None:
    """A publisher waits until a new queue is old enough; the next publisher finds it settled."""
    publishing = asyncio.create_task(publisher_on(engine, queues).publish([message("a")]))
    await eventually(lambda: engine.clock.sleepers)
    engine.clock.advance(SETTLE_SECONDS - 0.1)
    await asyncio.sleep(0)
    assert not publishing.done()
    assert await waiting(engine) == 0

    engine.clock.advance(0.1)
    assert await publishing == {}
    assert await publisher_on(engine, queues).publish([message("b")]) == {}


async def test_queue_declared_again_by_hand_settles_anew(engine: Engine, queues: Queues) -> None:
    """The mark of a queue that was deleted does not count for the next one of its name."""
    await engine.declare()
    async with engine.broker().channel("vandal") as channel:
        await channel.queue_delete(engine.topology.queue("engine"))
    publishing = asyncio.create_task(publisher_on(engine, queues).publish([message("a")]))
    await eventually(lambda: engine.clock.sleepers)
    engine.clock.advance(SETTLE_SECONDS)

    assert await publishing == {}


async def test_dead_new_queue_is_replaced(
    engine: Engine, queues: Queues, leaderless: list[bool], reports: list[tuple[str, str]]
) -> None:
    """A queue that died young is deleted, declared again, and reported to the operators."""
    async with engine.broker().channel("early") as channel:
        await engine.topology.declare(channel)
    await engine.publisher_without_queues().publish([message("stands for the death")])
    leaderless += [False, False]
    async with engine.clock.running():
        assert await publisher_on(engine, queues).publish([message("a")]) == {}

    assert reports == [(engine.topology.queue("engine"), REVIVED)]
    await engine.run(engine.consumer(engine.inbox()).run)
    await eventually(lambda: engine.handled == ["a"])


@pytest.mark.usefixtures("queues")
async def test_queue_that_another_process_revived_is_kept(
    engine: Engine, leaderless: list[bool], reports: list[tuple[str, str]]
) -> None:
    """A process that looked too early deletes nothing: it looks again once it alone may delete."""
    async with engine.broker().channel("early") as channel:
        await engine.topology.declare(channel)
    await engine.publisher_without_queues().publish([message("kept")])
    leaderless += [False]
    await engine.run(engine.consumer(engine.inbox()).run)

    await eventually(lambda: engine.handled == ["kept"])
    assert reports == []


async def test_dead_queue_is_replaced_by_one_process_at_a_time(
    engine: Engine, queues: Queues, leaderless: list[bool]
) -> None:
    """While another process replaces the queue, this one fails for now."""
    await engine.declare()
    async with engine.broker().channel("early") as channel, engine.broker().channel("own") as own:
        await channel.exchange_delete(engine.topology.settled_mark("engine"))
        await channel.declare_queue(f"{engine.topology.queue('engine')}.revive", exclusive=True)
        leaderless += [False]
        with pytest.raises(Unavailable):
            await queues.declare_own(own, "engine", [Noted.type])


async def test_settled_queue_without_a_leader_is_reported_and_kept(
    engine: Engine,
    queues: Queues,
    leaderless: list[bool],
    reports: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A settled queue may be whole on another node: a publish without an answer reports it, and nothing is deleted."""
    await engine.declare()
    publisher = publisher_on(engine, queues)
    assert await publisher.publish([message("kept")]) == {}

    async def unanswered(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(pipelined, "publish", unanswered)
    leaderless += [False]
    with pytest.raises(Unavailable):
        await publisher.publish([message("a")])

    assert reports == [(engine.topology.queue("engine"), LEADERLESS)]
    assert await waiting(engine) == 1


async def test_look_for_a_leader_takes_no_message(engine: Engine, queues: Queues) -> None:
    """The message with which the queue answers goes back into it."""
    await engine.declare()
    await publisher_on(engine, queues).publish([message("a")])
    assert await queues.has_leader("engine")
    await engine.run(engine.consumer(engine.inbox()).run)

    await eventually(lambda: engine.handled == ["a"])


async def test_operator_recreates_a_queue(engine: Engine, queues: Queues) -> None:
    """The queue is empty afterwards, and settles anew."""
    await engine.declare()
    await publisher_on(engine, queues).publish([message("lost")])
    await queues.recreate("engine", [Noted.type])
    assert await waiting(engine) == 0

    publishing = asyncio.create_task(publisher_on(engine, queues).publish([message("a")]))
    await eventually(lambda: engine.clock.sleepers)
    engine.clock.advance(SETTLE_SECONDS)
    assert await publishing == {}
