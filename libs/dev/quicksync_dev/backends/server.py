"""What every back-end is, however it is run."""

import asyncio
from typing import Protocol
from urllib.parse import urlsplit

import asyncpg

from quicksync_dev.processes import Part

ANSWER_WITHIN = 3.0
AMQP_GREETING = b"AMQP\x00\x00\x09\x01"
METHOD_FRAME = b"\x01"


class Server(Part, Protocol):
    """A back-end: `url` is its DSN, with the rights of an administrator.

    `discard` deletes what is kept of the system outside the data directory; after `stop`.
    """

    @property
    def url(self) -> str: ...
    async def discard(self) -> None: ...


async def postgres_answers(dsn: str) -> bool:
    """Whether a PostgreSQL takes our log-in there."""
    try:
        connection = await asyncpg.connect(dsn, timeout=ANSWER_WITHIN)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    await connection.close(timeout=ANSWER_WITHIN)
    return True


async def rabbitmq_answers(url: str) -> bool:
    """Whether a broker greets us there (its listeners open last, when all else is up)."""
    place = urlsplit(url)
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            reader, writer = await asyncio.open_connection(place.hostname, place.port or 5672)
            try:
                writer.write(AMQP_GREETING)
                return await reader.read(1) == METHOD_FRAME
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
