"""The names on the broker: one topic exchange for all events, one quorum queue per service."""

from collections.abc import Iterable
from dataclasses import dataclass

import aio_pika
from aio_pika.abc import AbstractChannel

QUEUE_ARGUMENTS: dict[str, str | int] = {
    "x-queue-type": "quorum",
    # RabbitMQ 4 drops a message after 20 deliveries unless told otherwise; we count attempts ourselves.
    "x-delivery-limit": 1_000_000_000,
}


@dataclass(frozen=True)
class Topology:
    """Names below a namespace, so that several systems (or tests) can share a broker."""

    namespace: str = ""

    @property
    def exchange(self) -> str:
        return f"{self.namespace}quicksync.events"

    def queue(self, service: str) -> str:
        return f"{self.namespace}{service}.events"

    async def declare_exchange(self, channel: AbstractChannel) -> None:
        await channel.declare_exchange(self.exchange, aio_pika.ExchangeType.TOPIC, durable=True)

    async def declare_queue(self, channel: AbstractChannel, service: str, types: Iterable[str]) -> str:
        """The service's queue, bound to these event types; its name."""
        await self.declare_exchange(channel)
        queue = await channel.declare_queue(self.queue(service), durable=True, arguments={**QUEUE_ARGUMENTS})
        for each in sorted(types):
            await queue.bind(self.exchange, each)
        return queue.name
