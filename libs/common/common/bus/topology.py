"""The names on the broker: one topic exchange for all events, one quorum queue per service."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import aio_pika
from aio_pika.abc import AbstractChannel

QUEUE_ARGUMENTS: dict[str, str | int] = {
    "x-queue-type": "quorum",
    # RabbitMQ 4 drops a message after 20 deliveries unless told otherwise; we count attempts ourselves.
    "x-delivery-limit": 1_000_000_000,
}
ANSWER_SECONDS = 10.0

SUBSCRIPTIONS: Mapping[str, Iterable[str]] = {
    "catalog": ["notifier.recheck_requested.v1"],
    "inventory": [
        "catalog.merchant_connected.v1",
        "catalog.product_linked.v1",
        "clover.object_changed.v1",
        "notifier.recheck_requested.v1",
    ],
    "orders": [
        "catalog.merchant_connected.v1",
        "catalog.product_linked.v1",
        "clover.object_changed.v1",
        "notifier.recheck_requested.v1",
    ],
    "notifier": [
        "catalog.merchant_connected.v1",
        "catalog.product_linked.v1",
        "inventory.stock_changed.v1",
        "inventory.stock_pushed.v1",
        "notifier.recheck_requested.v1",
        "orders.order_cancelled.v1",
        "orders.order_completed.v1",
        "orders.order_rejected.v1",
        "orders.order_synced.v1",
        "problem.closed.v1",
        "problem.opened.v1",
    ],
}
"""Which service hears which events: what its HANDLERS say, known here before it ever ran."""


@dataclass(frozen=True)
class Topology:
    """Names below a namespace, so that several systems (or tests) can share a broker.

    `subscriptions` are the queues that must be there, with the types they hear, before anything is published: the
    broker returns an event that no queue takes, and says nothing of a queue that is missing beside another.
    """

    namespace: str = ""
    subscriptions: Mapping[str, Iterable[str]] = field(default_factory=dict)

    @property
    def exchange(self) -> str:
        return f"{self.namespace}quicksync.events"

    def queue(self, service: str) -> str:
        return f"{self.namespace}{service}.events"

    async def declare(self, channel: AbstractChannel) -> None:
        """The exchange, and the queues of all who subscribe."""
        await self.declare_exchange(channel)
        for service, types in self.subscriptions.items():
            await self.declare_queue(channel, service, types)

    async def declare_exchange(self, channel: AbstractChannel) -> None:
        await channel.declare_exchange(self.exchange, aio_pika.ExchangeType.TOPIC, durable=True, timeout=ANSWER_SECONDS)

    async def declare_queue(self, channel: AbstractChannel, service: str, types: Iterable[str]) -> str:
        """The service's queue, bound to these event types; its name."""
        await self.declare_exchange(channel)
        queue = await channel.declare_queue(
            self.queue(service), durable=True, arguments={**QUEUE_ARGUMENTS}, timeout=ANSWER_SECONDS
        )
        for each in sorted(types):
            await queue.bind(self.exchange, each, timeout=ANSWER_SECONDS)
        return queue.name
