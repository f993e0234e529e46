"""Sees to it that a queue is alive and safely on disk before anything is published to it.

A broker that is killed within half a second after a quorum queue is declared has a dead queue after its restart (seen
with RabbitMQ 3.10.8, which seems to register the Raft server of the queue on disk that late). The queue takes a
declaration, has lost its messages, and has no leader that would answer a publish or a consume. Deleting and declaring
it again helps.

Therefore a publisher waits until a new queue is a few seconds old and its leader answers, and notes that at the broker
by an exchange, the queue's settled mark. A queue without the mark has taken no messages, so that a dead one can be
deleted without a loss. A queue with the mark is not deleted here: if its leader is missing, its messages may be whole
on another node of a cluster. It is reported to the operator, who knows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import aiormq
import structlog
from aio_pika.abc import AbstractChannel, ExchangeType
from aiormq.exceptions import ChannelNotFoundEntity

from common.bus.broker import Broker
from common.bus.topology import ANSWER_SECONDS, Topology
from common.clock import Clock
from common.errors import Transient, Unavailable

log = structlog.get_logger()

SETTLE_SECONDS = 3.0
"""Six times the half second after which the broker saves a new queue, for a busy disk."""

LOOK_SECONDS = 5.0
"""How long a queue may take to answer; its leader is elected within a second after a restart."""

LEADERLESS = "has no leader; if no node comes back that holds it, run `recreate-queue`, which loses its messages"
REVIVED = "was dead after a crash of the broker, and was declared again; it held no messages"

Report = Callable[[str, str], Awaitable[None]]
"""Reports a queue to the operators: its name, and the event."""


async def only_log(_: str, __: str) -> None:
    """Report nothing: the log has it."""


@dataclass(frozen=True)
class Queues:
    """The queues of a topology on one broker."""

    broker: Broker
    topology: Topology
    clock: Clock
    report: Report = only_log

    async def declare_all(self, channel: AbstractChannel) -> None:
        """Declare the queues of all subscribers, and wait until each is settled. Raise Unavailable if one is dead."""
        new = [each for each in self.topology.subscriptions if not await self._is_settled(channel, each)]
        await self.topology.declare(channel)
        if not new:
            return
        await asyncio.gather(*(self._revive(each, self.topology.subscriptions[each]) for each in new))
        await self.clock.sleep(SETTLE_SECONDS)
        for service, leads in zip(new, await asyncio.gather(*map(self.has_leader, new)), strict=True):
            if not leads:
                raise Unavailable(f"the queue {self.topology.queue(service)} has no leader")
            mark = self.topology.settled_mark(service)
            await channel.declare_exchange(mark, ExchangeType.FANOUT, durable=True, timeout=ANSWER_SECONDS)

    async def declare_own(self, channel: AbstractChannel, service: str, types: Iterable[str]) -> str:
        """Declare the queue that a service consumes, alive unless it is settled, and return its name."""
        is_settled = await self._is_settled(channel, service)
        queue = await self.topology.declare_queue(channel, service, types)
        if not is_settled:
            await self._revive(service, types)
        return queue

    async def has_leader(self, service: str) -> bool:
        """Return whether the queue answers, while the broker does: ask it for a message, and give that back."""
        queue = self.topology.queue(service)
        async with self.broker.channel("look") as channel:
            underlay = cast(aiormq.Channel, await channel.get_underlay_channel())
            try:
                await underlay.basic_get(queue, timeout=LOOK_SECONDS)
            except TimeoutError:  # the broker itself gives up only after a minute
                await _exists(underlay, aiormq.Channel.queue_declare, queue)
                return False
        return True

    async def report_dead(self, services: Iterable[str]) -> None:
        """Report the queues without a leader, after a publish or a consume got no answer on a good connection."""
        for service in services:
            if not await self.has_leader(service):
                await self._tell(service, LEADERLESS)

    async def recreate(self, service: str, types: Iterable[str]) -> None:
        """Delete the queue with its messages and declare it again, unsettled."""
        async with self.broker.channel("recreate") as channel:
            await channel.exchange_delete(self.topology.settled_mark(service), timeout=ANSWER_SECONDS)
            await channel.queue_delete(self.topology.queue(service), timeout=ANSWER_SECONDS)
            await self.topology.declare_queue(channel, service, types)

    async def _is_settled(self, channel: AbstractChannel, service: str) -> bool:
        """Look for the queue and its mark. Remove the mark of a queue that was deleted by hand."""
        underlay = cast(aiormq.Channel, await channel.get_underlay_channel())
        queue, mark = self.topology.queue(service), self.topology.settled_mark(service)
        if not await _exists(underlay, aiormq.Channel.queue_declare, queue):
            await underlay.exchange_delete(mark, timeout=ANSWER_SECONDS)
            return False
        return await _exists(underlay, aiormq.Channel.exchange_declare, mark)

    async def _revive(self, service: str, types: Iterable[str]) -> None:
        """Delete and declare an unsettled queue again if it is dead. Raise Unavailable while another process does."""
        if await self.has_leader(service):
            return
        async with self.broker.channel("revive") as channel:
            # The lock of an exclusive queue: a process that looked long ago must not delete a revived queue.
            lock = f"{self.topology.queue(service)}.revive"
            await channel.declare_queue(lock, exclusive=True, timeout=ANSWER_SECONDS)
            if await self._is_settled(channel, service) or await self.has_leader(service):
                return
            await channel.queue_delete(self.topology.queue(service), timeout=ANSWER_SECONDS)
            await self.topology.declare_queue(channel, service, types)
        await self._tell(service, REVIVED)

    async def _tell(self, service: str, detail: str) -> None:
        queue = self.topology.queue(service)
        log.error("queue without a leader", queue=queue, detail=detail)
        with suppress(Transient):  # the log has it
            await self.report(queue, detail)


async def _exists(channel: aiormq.Channel, declare: Callable[..., Awaitable[object]], name: str) -> bool:
    """Ask by a passive declaration, on a channel of its own because the broker closes it when there is none."""
    asked = await channel.connection.channel(publisher_confirms=False, timeout=ANSWER_SECONDS)
    try:
        await declare(asked, name, passive=True, timeout=ANSWER_SECONDS)
    except ChannelNotFoundEntity:
        return False
    await asked.close()
    return True
