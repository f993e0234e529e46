"""Publishes many messages in one write, each with its own confirm.

aiormq's `basic_publish` costs a task, three futures and two loop iterations per message, and a relay publishes
hundreds. Here the frames of a whole burst are one write, and only its confirms are awaited. The guarantees of
`basic_publish` remain: delivery tags in step, returned messages matched to their confirm, and back-pressure (the next
burst waits until the socket has taken this one). After an exception the caller must discard the channel, because its
delivery tags are in doubt.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from uuid import UUID

import aiormq
import pamqp.frame
from aiormq.abc import ChannelFrame
from aiormq.exceptions import DeliveryError, PublishError
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from common.contracts.envelope import Message

PERSISTENT = 2


async def publish(
    channel: aiormq.Channel, exchange: str, messages: Sequence[Message], seconds: float
) -> Mapping[UUID, str]:
    """Publish all, mandatory and persistent; return the reason for each message the broker refused or returned.

    Raise TimeoutError when a confirm does not arrive within `seconds`, and the channel's error when it closes.
    """
    async with asyncio.timeout(seconds):
        async with channel.lock:
            confirms = [_expect(channel, message) for message in messages]
            drained = channel.create_future()
            payload = b"".join(_frames(channel, exchange, message) for message in messages)
            await channel.write_queue.put(ChannelFrame(payload=payload, should_close=False, drain_future=drained))
            await drained
        await asyncio.wait(confirms)
    failed = {}
    for message, confirm in zip(messages, confirms, strict=True):
        channel.message_id_delivery_tag.pop(str(message.id), None)
        reason = _refusal(confirm)
        if reason:
            failed[message.id] = reason
    return failed


def _expect(channel: aiormq.Channel, message: Message) -> "asyncio.Future[object]":
    channel.delivery_tag += 1
    confirm: asyncio.Future[object] = channel.create_future()
    channel.confirmations[channel.delivery_tag] = confirm
    channel.message_id_delivery_tag[str(message.id)] = channel.delivery_tag
    return confirm


def _frames(channel: aiormq.Channel, exchange: str, message: Message) -> bytes:
    properties = commands.Basic.Properties(
        message_id=str(message.id),
        message_type=message.type,
        content_type="application/json",
        delivery_mode=PERSISTENT,
        timestamp=message.at,
        headers={"traceparent": message.trace} if message.trace else None,
    )
    frames: list[ContentHeader | ContentBody] = [
        ContentHeader(properties=properties, body_size=len(message.body)),
        *(
            ContentBody(message.body[start : start + channel.max_content_size])
            for start in range(0, len(message.body), channel.max_content_size)
        ),
    ]
    content = b"".join(pamqp.frame.marshal(frame, channel.number) for frame in frames)
    return _command(channel.number, exchange, message.type) + content


@lru_cache(maxsize=256)
def _command(number: int, exchange: str, kind: str) -> bytes:
    """Return the frame that precedes each message of this type; encoding it costs as much as the message's own."""
    return pamqp.frame.marshal(commands.Basic.Publish(exchange=exchange, routing_key=kind, mandatory=True), number)


def _refusal(confirm: "asyncio.Future[object]") -> str:
    error = confirm.exception()
    if error is None:
        return "" if isinstance(confirm.result(), commands.Basic.Ack) else "the broker did not acknowledge it"
    if isinstance(error, PublishError):
        return "no queue is bound for it"
    if isinstance(error, DeliveryError):
        return "the broker refused it"
    raise error
