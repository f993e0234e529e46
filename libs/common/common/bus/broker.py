"""Connections to RabbitMQ, each closed and replaced as a whole after any doubt.

Nothing is repaired in place: a consumer or publisher that fails leaves its `channel` block, backs off, and opens
another. This covers every way in which a connection can break, and is simpler to trust than automatic recovery.
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
"""aiormq gives up after three missed heartbeats, so a frozen broker is detected within half a minute."""

BROKEN = (
    AMQPError,
    ConnectionError,
    OSError,
    TimeoutError,
    RuntimeError,
    asyncio.InvalidStateError,
    # aiormq gives up a frozen broker by cancelling its reader, and passes the cancellation on to every waiting call
    asyncio.CancelledError,
)
"""The exceptions that a broken connection raises."""


class Broker:
    """The address of the broker, and the way to open channels to it."""

    def __init__(self, url: str, service: str) -> None:
        self._url = URL(url).update_query(heartbeat=HEARTBEAT_SECONDS)
        self._service = service

    @asynccontextmanager
    async def channel(self, purpose: str) -> AsyncIterator[AbstractChannel]:
        """Open a channel with confirms on its own connection. Raise Unavailable for any fault of the connection.

        Publishing and consuming each have a connection: a broker short of memory stops reading from publishing
        connections, and acks must not wait for that.
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
        log.debug("broker connection not closed in time", reason=str(error))


@contextmanager
def translated() -> Iterator[None]:
    """Raise Unavailable for the exceptions of a broken connection. A cancelled task still ends cancelled."""
    try:
        yield
    except BROKEN as error:
        if cancellation.is_requested():
            raise asyncio.CancelledError from error
        raise Unavailable(f"the broker is not available ({type(error).__name__})") from error
