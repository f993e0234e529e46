"""Handles the messages of one queue in batches, and acks them once their effect is committed.

The delivery callback only appends the message to a list: aiormq cancels callbacks when its channel drops, and a
message must not be half handled because of that. The batch is handled in our own task; if the channel is gone when
the ack is due, the broker delivers the messages again and the inbox skips them.
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
from common.bus.queues import Queues
from common.bus.topology import ANSWER_SECONDS
from common.clock import Clock
from common.contracts.envelope import Message
from common.errors import Transient, Unavailable

log = structlog.get_logger()

BATCH = 100
PREFETCH = 400
"""A few batches, so that the next one is here when one is committed."""
WATCH_SECONDS = 15.0
"""After this long without a message the consumer asks the broker whether it still delivers."""


class Consumer:
    """The consumer of one service's queue; `take` returns once the effect of a batch is committed."""

    def __init__(
        self,
        queues: Queues,
        service: str,
        types: Iterable[str],
        take: Callable[[Sequence[Message]], Awaitable[None]],
    ) -> None:
        self._queues = queues
        self._service = service
        self._types = sorted(types)
        self._take = take
        self._clock = queues.clock
        self.ready = asyncio.Event()
        """Set while the queue is declared and consumed."""

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`, and reconnect after each failure."""
        backoff = Backoff(self._clock, first=0.2, most=5.0)
        while not stop.is_set():
            try:
                await self._consume(stop, backoff)
            except Transient as error:
                log.warning("consumer interrupted", reason=str(error))
                await backoff.wait(stop)

    async def _consume(self, stop: asyncio.Event, backoff: Backoff) -> None:
        async with self._queues.broker.channel("consumer") as opened:
            deliveries = Deliveries(cast(aiormq.Channel, await opened.get_underlay_channel()), stop, self._clock)
            stopping = asyncio.create_task(stop.wait())
            stopping.add_done_callback(deliveries.wake)
            try:
                await unless_stopped(stop, self._begin(opened, deliveries))
                async for batch in deliveries:
                    await self._handle([read(delivery) for delivery in batch], stop)
                    await deliveries.ack(batch)
                    backoff.reset()  # only after an ack, or reconnecting to a broker that fails before it would spin
            finally:
                self.ready.clear()
                stopping.cancel()

    async def _begin(self, opened: AbstractChannel, deliveries: "Deliveries") -> None:
        queue = await self._queues.declare_own(opened, self._service, self._types)
        try:
            await deliveries.begin(queue)
        except TimeoutError:
            await self._queues.report_dead([self._service])
            raise
        self.ready.set()

    async def _handle(self, messages: Sequence[Message], stop: asyncio.Event) -> None:
        """Handle the batch, and retry it while the database is unavailable: unacked messages are safe in the queue."""
        backoff = Backoff(self._clock, first=0.1, most=5.0)
        while True:
            try:
                return await self._take(messages)
            except Transient as error:
                if stop.is_set():
                    raise
                log.warning("batch waits for the database", reason=str(error), messages=len(messages))
                await backoff.wait(stop)


class Deliveries:
    """Batches of deliveries on one channel. The iteration ends with `stop`, and raises Unavailable when it breaks."""

    def __init__(self, channel: aiormq.Channel, stop: asyncio.Event, clock: Clock) -> None:
        self._channel = channel
        self._clock = clock
        self._stop = stop
        self._waiting: list[DeliveredMessage] = []
        self._something = asyncio.Event()
        self._cancelled = False

    async def begin(self, queue: str) -> None:
        """Ask the broker to deliver this queue."""
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
        while self._is_open() and not self._waiting:
            await self._next_signal()
        batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        return batch

    def _is_open(self) -> bool:
        if self._stop.is_set():
            raise StopAsyncIteration
        if self._cancelled or self._channel.is_closed:
            raise Unavailable("the broker ended the consumer")
        return True

    async def _next_signal(self) -> None:
        self._something.clear()
        try:
            async with self._clock.timeout(WATCH_SECONDS):
                await self._something.wait()
        except TimeoutError:
            await self._check_alive()

    async def _check_alive(self) -> None:
        """Ask the broker whether it still delivers; a consumer that was lost silently would wait for ever.

        The consumers it counts may all be another replica's. But an idle consumer like this one is given any waiting
        message, so a waiting message means that the broker has forgotten this consumer.
        """
        answer = self._channel.queue_declare(self._queue, passive=True, timeout=ANSWER_SECONDS)
        found = await unless_stopped(self._stop, answer)
        if found and not self._waiting and (found.message_count or not found.consumer_count):
            raise Unavailable("the broker no longer delivers")

    def wake(self, _: object = None) -> None:
        """Make a waiting iteration check again whether it must end."""
        self._something.set()

    async def ack(self, batch: Sequence[DeliveredMessage]) -> None:
        """Acknowledge this batch and all before it: batches are handled one after the other."""
        if self._channel.is_closed:
            raise Unavailable("the channel closed before the ack; the messages will be redelivered")
        await self._channel.basic_ack(batch[-1].delivery_tag or 0, multiple=True, wait=False)


def read(delivery: DeliveredMessage) -> Message:
    """Return the delivered message. A missing or malformed id is replaced by a hash that each redelivery repeats."""
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
