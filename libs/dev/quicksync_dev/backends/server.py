"""What every back-end is, however it is run."""

import asyncio
from typing import Protocol
from urllib.parse import urlsplit

import aiormq
import asyncpg
from aiormq.exceptions import AMQPError

from quicksync_dev.processes import Component

ANSWER_WITHIN = 3.0
PORTS = {"amqp": 5672, "amqps": 5671}


class Server(Component, Protocol):
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
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    await connection.close(timeout=ANSWER_WITHIN)
    return True


async def rabbitmq_answers(url: str) -> bool:
    """Whether a broker takes our log-in there (its listeners open last, when all else is up)."""
    place = urlsplit(url)
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            # aiormq would log an error each time that nobody listens yet
            _, writer = await asyncio.open_connection(place.hostname, place.port or PORTS.get(place.scheme))
            writer.close()
            async with aiormq.connect(url):
                return True
    except (OSError, TimeoutError, ValueError, AMQPError):
        return False
