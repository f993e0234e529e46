"""The interface of all back-ends, and checks that a server accepts a log-in."""

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
    """A back-end. `url` is its DSN with administrator rights.

    `discard` deletes the system's data outside the data directory. Call it after `stop`.
    """

    @property
    def url(self) -> str: ...
    async def discard(self) -> None: ...


async def postgres_answers(dsn: str) -> bool:
    """Return whether a PostgreSQL accepts this log-in."""
    try:
        connection = await asyncpg.connect(dsn, timeout=ANSWER_WITHIN)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    await connection.close(timeout=ANSWER_WITHIN)
    return True


async def rabbitmq_answers(url: str) -> bool:
    """Return whether a broker accepts this log-in. RabbitMQ opens its listeners last, when it is ready."""
    place = urlsplit(url)
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            # Checked first, because aiormq logs an error for each refused connection.
            _, writer = await asyncio.open_connection(place.hostname, place.port or PORTS.get(place.scheme))
            writer.close()
            async with aiormq.connect(url):
                return True
    except (OSError, TimeoutError, ValueError, AMQPError):
        return False
