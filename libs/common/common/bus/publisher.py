"""Publishes messages for the relay, and replaces its channel after any failure."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import cast
from uuid import UUID

import aiormq

from common.bus import pipelined
from common.bus.broker import translated
from common.bus.queues import Queues
from common.contracts.envelope import Message

CONFIRM_SECONDS = 10.0
BURST = 100
"""Messages per write: about 100 KiB, so that a slow broker is noticed within one burst."""


class AmqpPublisher:
    """Publishes to the exchange of a topology; opens its channel when first needed and again after any failure.

    A publish without a confirm in time may still have arrived. It counts as failed and is sent again; the receiver's
    inbox skips the second one by its id.
    """

    def __init__(self, queues: Queues, *, confirm_seconds: float = CONFIRM_SECONDS) -> None:
        self._queues = queues
        self._confirm_seconds = confirm_seconds
        self._open = AsyncExitStack()
        self._channel: aiormq.Channel | None = None

    async def publish(self, messages: Sequence[Message]) -> Mapping[UUID, str]:
        """Publish all; return the reason for each message not accepted. Raise Unavailable when the broker is gone."""
        failed: dict[UUID, str] = {}
        try:
            with translated():
                channel = await self._ready()
                for start in range(0, len(messages), BURST):
                    failed |= await self._publish(channel, messages[start : start + BURST])
        except BaseException:
            await self.close()
            raise
        return failed

    async def _publish(self, channel: aiormq.Channel, burst: Sequence[Message]) -> Mapping[UUID, str]:
        exchange = self._queues.topology.exchange
        try:
            return await pipelined.publish(channel, exchange, burst, self._confirm_seconds)
        except TimeoutError:
            await self._queues.report_dead(self._queues.topology.subscriptions)
            raise

    async def close(self) -> None:
        """Close the channel, if one is open."""
        self._channel = None
        stack, self._open = self._open, AsyncExitStack()
        await stack.aclose()

    async def _ready(self) -> aiormq.Channel:
        if self._channel is None or self._channel.is_closed:
            await self.close()
            channel = await self._open.enter_async_context(self._queues.broker.channel("publisher"))
            await self._queues.declare_all(channel)
            self._channel = cast(aiormq.Channel, await channel.get_underlay_channel())
        return self._channel
