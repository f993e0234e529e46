"""Takes what the broker delivers, in batches, and acks once the effect is committed.

The delivery callback only puts the message on a list: aiormq cancels callbacks when its channel drops, and a message
must not be half handled because of that. The batch is handled in a task of our own; if the channel is gone when the
ack is due, the messages come again and the inbox knows them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import cast
from uuid import NAMESPACE_URL, UUID, uuid5

import aiormq
import structlog
from aio_pika.abc import AbstractChannel
from aiormq.abc import DeliveredMessage

from common.backoff import Backoff, unless_stopped
from common.bus.broker import Broker
from common.bus.topology import ANSWER_SECONDS, Topology
from common.contracts.envelope import Message
from common.errors import Transient, Unavailable

log = structlog.get_logger()

BATCH = 100
PREFETCH = 400
WATCH_SECONDS = 15.0


class Consumer:
    """One service's queue, emptied into `take`, which returns once the effect of a batch is committed."""

    def __init__(
        self,
        broker: Broker,
        topology: Topology,
        service: str,
        types: Iterable[str],
        take: Callable[[Sequence[Message]], Awaitable[None]],
    ) -> None:
        self._broker = broker
        self._topology = topology
        self._service = service
        self._types = sorted(types)
        self._take = take
        self.ready = asyncio.Event()
        """Set while the queue is declared and consumed."""

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`, over as many connections as it takes."""
        backoff = Backoff(first=0.2, most=5.0)
        while not stop.is_set():
            try:
                await self._consume(stop, backoff)
            except Transient as error:
                log.warning("consuming is interrupted", reason=str(error))
                await backoff.wait(stop)

    async def _consume(self, stop: asyncio.Event, backoff: Backoff) -> None:
        async with self._broker.channel("consumer") as opened:
            deliveries = Deliveries(cast(aiormq.Channel, await opened.get_underlay_channel()), stop)
            stopping = asyncio.create_task(stop.wait())
            stopping.add_done_callback(deliveries.wake)
            try:
                await unless_stopped(stop, self._begin(opened, deliveries))
                async for batch in deliveries:
                    await self._handle([read(delivery) for delivery in batch], stop)
                    await deliveries.ack(batch)
                    backoff.reset()  # not earlier: reconnecting at once to a broker that handles nothing would spin
            finally:
                self.ready.clear()
                stopping.cancel()

    async def _begin(self, opened: AbstractChannel, deliveries: "Deliveries") -> None:
        queue = await self._topology.declare_queue(opened, self._service, self._types)
        await deliveries.begin(queue)
        self.ready.set()

    async def _handle(self, messages: Sequence[Message], stop: asyncio.Event) -> None:
        """Take the batch, again and again while the database is away: the messages are safe unacked."""
        backoff = Backoff(first=0.1, most=5.0)
        while True:
            try:
                return await self._take(messages)
            except Transient as error:
                if stop.is_set():
                    raise
                log.warning("a batch waits for the database", reason=str(error), messages=len(messages))
                await backoff.wait(stop)


class Deliveries:
    """Batches of deliveries on one channel, until it is to stop (the iteration ends) or broken (Unavailable)."""

    def __init__(self, channel: aiormq.Channel, stop: asyncio.Event) -> None:
        self._channel = channel
        self._stop = stop
        self._waiting: list[DeliveredMessage] = []
        self._something = asyncio.Event()
        self._cancelled = False

    async def begin(self, queue: str) -> None:
        """Have the broker deliver."""
        self._queue = queue
        self._channel.on_consumer_cancel_callbacks.add(self._on_cancel)
        self._channel.closing.add_done_callback(self.wake)
        await self._channel.basic_qos(prefetch_count=PREFETCH, timeout=ANSWER_SECONDS)
        await self._channel.basic_consume(queue, self._on_delivery, timeout=ANSWER_SECONDS)

    async def _on_delivery(self, delivery: DeliveredMessage) -> None:
        self._waiting.append(delivery)
        self._something.set()

    def _on_cancel(self, _: object) -> None:
        self._cancelled = True
        self._something.set()

    def __aiter__(self) -> "Deliveries":
        return self

    async def __anext__(self) -> list[DeliveredMessage]:
        while self._goes_on() and not self._waiting:
            await self._next_sign()
        batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        return batch

    def _goes_on(self) -> bool:
        if self._stop.is_set():
            raise StopAsyncIteration
        if self._cancelled or self._channel.is_closed:
            raise Unavailable("the broker ended the consumer")
        return True

    async def _next_sign(self) -> None:
        self._something.clear()
        try:
            async with asyncio.timeout(WATCH_SECONDS):
                await self._something.wait()
        except TimeoutError:
            await self._look_whether_alive()

    async def _look_whether_alive(self) -> None:
        """Ask the broker whether it still delivers: a consumer that was lost silently would wait for ever.

        Consumers it knows may all be another replica's; but no message waits while one of them is idle, as we are.
        """
        asked = self._channel.queue_declare(self._queue, passive=True, timeout=ANSWER_SECONDS)
        found = await unless_stopped(self._stop, asked)
        if found and not self._waiting and (found.message_count or not found.consumer_count):
            raise Unavailable("the broker no longer delivers")

    def wake(self, _: object = None) -> None:
        """Have a waiting iteration look again whether it is to end."""
        self._something.set()

    async def ack(self, batch: Sequence[DeliveredMessage]) -> None:
        """Acknowledge this batch and so all before it: batches are handled one after the other."""
        if self._channel.is_closed:
            raise Unavailable("the channel closed before the ack; the messages come again")
        await self._channel.basic_ack(batch[-1].delivery_tag or 0, multiple=True, wait=False)


def read(delivery: DeliveredMessage) -> Message:
    """The message in a delivery. A strange or missing id becomes one that is the same each time it is delivered."""
    properties = delivery.header.properties
    headers = properties.headers or {}
    return Message(
        id=_identity(properties.message_id, delivery.body),
        type=str(properties.message_type or delivery.routing_key or ""),
        body=delivery.body,
        at=properties.timestamp or datetime.now(UTC),
        trace=str(headers.get("traceparent") or ""),
    )


def _identity(message_id: str | None, body: bytes) -> UUID:
    try:
        return UUID(message_id)
    except (ValueError, TypeError, AttributeError):
        return uuid5(NAMESPACE_URL, f"{message_id}:{body.hex()}")
