"""Connections to RabbitMQ that are thrown away whole when anything about them is in doubt.

Nothing is repaired in place: a consumer or publisher that fails leaves its `channel` block, pauses, and opens
another. That is simpler to trust than a connection that mends itself, and covers each way in which one can break.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError
from yarl import URL

from common import cancellation
from common.bus import decoding
from common.errors import Unavailable

log = structlog.get_logger()

CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 3.0
HEARTBEAT_SECONDS = 8

BROKEN = (
    AMQPError,
    ConnectionError,
    OSError,
    TimeoutError,
    RuntimeError,
    asyncio.InvalidStateError,
    # aiormq gives up a frozen broker by cancelling its own reader, and hands that on to whoever waits for an answer.
    asyncio.CancelledError,
)
"""What a broken connection shows up as."""


class Broker:
    """The address of the broker."""

    def __init__(self, url: str, service: str) -> None:
        self._url = URL(url).update_query(heartbeat=HEARTBEAT_SECONDS)
        self._service = service

    @asynccontextmanager
    async def channel(self, purpose: str) -> AsyncIterator[AbstractChannel]:
        """A channel with confirms on a connection of its own.

        Publishing and consuming each have their connection: a broker short of memory stops reading from those that
        publish, and acks must not wait for that. Raises Unavailable for whatever goes wrong with the connection.
        """
        decoding.tolerate()
        with translated():
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await aio_pika.connect(
                    self._url, client_properties={"connection_name": f"{self._service}-{purpose}"}
                )
        try:
            with translated():
                async with asyncio.timeout(CONNECT_SECONDS):
                    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                yield channel
        finally:
            await _close(connection)


async def _close(connection: AbstractConnection) -> None:
    try:
        with translated():
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.close()
    except Unavailable as error:
        log.debug("broker connection did not close in time", reason=str(error))


@contextmanager
def translated() -> Iterator[None]:
    """Raise Unavailable for whatever a broken connection shows up as. Who was cancelled ends cancelled all the same."""
    try:
        yield
    except BROKEN as error:
        if cancellation.is_asked_for():
            raise asyncio.CancelledError from error
        raise Unavailable(f"the broker is not available ({type(error).__name__})") from error
