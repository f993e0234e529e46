"""The names on the broker: one topic exchange for all events, one quorum queue per service."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import aio_pika
from aio_pika.abc import AbstractChannel

QUEUE_ARGUMENTS: dict[str, str | int] = {
    "x-queue-type": "quorum",
    # RabbitMQ 4 drops a message after 20 deliveries by default; the inbox counts attempts itself.
    "x-delivery-limit": 1_000_000_000,
}
ANSWER_SECONDS = 10.0

SUBSCRIPTIONS: Mapping[str, Iterable[str]] = {
    "catalog": [
        "clover.object_changed.v1",
        "notifier.recheck_requested.v1",
        "problem.closed.v1",
        "problem.opened.v1",
    ],
    "inventory": [
        "catalog.merchant_connected.v1",
        "catalog.merchant_disconnected.v1",
        "catalog.product_linked.v1",
        "catalog.product_unlinked.v1",
        "clover.object_changed.v1",
        "notifier.recheck_requested.v1",
        "orders.pos_refund_recorded.v1",
        "orders.pos_sale_recorded.v1",
    ],
    "orders": [
        "catalog.merchant_connected.v1",
        "catalog.merchant_disconnected.v1",
        "catalog.product_linked.v1",
        "catalog.product_unlinked.v1",
        "clover.object_changed.v1",
        "notifier.recheck_requested.v1",
    ],
    "notifier": [
        "catalog.contact_changed.v1",
        "catalog.edit_reverted.v1",
        "catalog.item_created.v1",
        "catalog.item_deleted.v1",
        "catalog.merchant_connected.v1",
        "catalog.merchant_disconnected.v1",
        "catalog.product_changed.v1",
        "catalog.product_linked.v1",
        "inventory.stock_changed.v1",
        "inventory.stock_pushed.v1",
        "notifier.recheck_requested.v1",
        "orders.order_cancelled.v1",
        "orders.order_completed.v1",
        "orders.order_rejected.v1",
        "orders.cancellation_refused.v1",
        "orders.order_synced.v1",
        "problem.closed.v1",
        "problem.opened.v1",
    ],
}
"""The events each service subscribes to, known before it first runs; a test compares them with its HANDLERS."""


RETIRED: Mapping[str, Iterable[str]] = {}
"""The event types that a service's HANDLERS lost in this release. Their bindings stay, for the replicas of the last
release and for a roll-back to it; replicas of this release skip them."""

UNBOUND: Mapping[str, Iterable[str]] = {}
"""The event types that were in RETIRED in the last release. Every declaration of the queue removes their bindings."""


@dataclass(frozen=True)
class Topology:
    """The names on the broker, below a namespace so that several systems (or tests) can share it.

    `subscriptions` are the queues, with their event types, that must exist before anything is published: the broker
    returns an event that reaches no queue, but does not report one missing queue among several. `unbound` are the
    event types that a service no longer wants.
    """

    namespace: str = ""
    subscriptions: Mapping[str, Iterable[str]] = field(default_factory=dict)
    unbound: Mapping[str, Iterable[str]] = field(default_factory=dict)

    @property
    def exchange(self) -> str:
        """The name of the exchange."""
        return f"{self.namespace}quicksync.events"

    def queue(self, service: str) -> str:
        """Return the name of the service's queue."""
        return f"{self.namespace}{service}.events"

    def settled_mark(self, service: str) -> str:
        """Return the name of the exchange that exists once the service's queue may take messages (`bus/queues.py`)."""
        return f"{self.queue(service)}.settled"

    async def declare(self, channel: AbstractChannel) -> None:
        """Declare the exchange and the queues of all subscribers."""
        await self.declare_exchange(channel)
        for service, types in self.subscriptions.items():
            await self.declare_queue(channel, service, types)

    async def declare_exchange(self, channel: AbstractChannel) -> None:
        """Declare the exchange."""
        await channel.declare_exchange(self.exchange, aio_pika.ExchangeType.TOPIC, durable=True, timeout=ANSWER_SECONDS)

    async def declare_queue(self, channel: AbstractChannel, service: str, types: Iterable[str]) -> str:
        """Declare the service's queue, bind it to these event types and to no unbound ones, and return its name."""
        await self.declare_exchange(channel)
        queue = await channel.declare_queue(
            self.queue(service), durable=True, arguments={**QUEUE_ARGUMENTS}, timeout=ANSWER_SECONDS
        )
        for each in sorted(types):
            await queue.bind(self.exchange, each, timeout=ANSWER_SECONDS)
        for each in sorted(self.unbound.get(service, ())):
            await queue.unbind(self.exchange, each, timeout=ANSWER_SECONDS)
        return queue.name
