"""The broker objects of one system, below its own namespace."""

import aio_pika

from common.bus.topology import Topology
from quicksync_dev.database import SERVICES

SECONDS = 10


def topology(system: str) -> Topology:
    """Return the exchange and the queues of this system."""
    return Topology(f"{system}.")


async def drop(url: str, system: str) -> None:
    """Delete the system's exchange and queues with their messages. Ignore missing ones."""
    names = topology(system)
    async with await aio_pika.connect(url, timeout=SECONDS) as connection:
        channel = await connection.channel()
        for service in SERVICES:
            await channel.exchange_delete(names.settled_mark(service), timeout=SECONDS)
            await channel.queue_delete(names.queue(service), timeout=SECONDS)
        await channel.exchange_delete(names.exchange, timeout=SECONDS)
