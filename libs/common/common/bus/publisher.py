"""Publishes messages for the relay, and replaces its channel after any failure."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import cast
from uuid import UUID

import aiormq

from common.bus import pipelined
from common.bus.broker import Broker, translated
from common.bus.topology import Topology
from common.contracts.envelope import Message

CONFIRM_SECONDS = 10.0
BURST = 100
"""Messages per write: about 100 KiB, so that a slow broker is noticed within one burst."""


class AmqpPublisher:
    """Publishes to the exchange of a topology; opens its channel when first needed and again after any failure.

    A publish without a confirm in time may still have arrived. It counts as failed and is sent again; the receiver's
    inbox skips the second one by its id.
    """

    def __init__(self, broker: Broker, topology: Topology, *, confirm_seconds: float = CONFIRM_SECONDS) -> None:
        self._broker = broker
        self._topology = topology
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
                    part = messages[start : start + BURST]
                    failed |= await pipelined.publish(channel, self._topology.exchange, part, self._confirm_seconds)
        except BaseException:
            await self.close()
            raise
        return failed

    async def close(self) -> None:
        """Close the channel, if one is open."""
        self._channel = None
        stack, self._open = self._open, AsyncExitStack()
        await stack.aclose()

    async def _ready(self) -> aiormq.Channel:
        if self._channel is None or self._channel.is_closed:
            await self.close()
            channel = await self._open.enter_async_context(self._broker.channel("publisher"))
            await self._topology.declare(channel)
            self._channel = cast(aiormq.Channel, await channel.get_underlay_channel())
        return self._channel
