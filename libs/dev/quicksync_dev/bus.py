"""The names of a system on the broker, below a namespace of its own."""

import aio_pika

from common.bus.topology import Topology
from quicksync_dev.database import SERVICES

SECONDS = 10


def topology(system: str) -> Topology:
    """The exchange and the queues of this system."""
    return Topology(f"{system}.")


async def drop(url: str, system: str) -> None:
    """Delete its exchange and its queues, with what is in them; what is not there is passed over."""
    names = topology(system)
    async with await aio_pika.connect(url, timeout=SECONDS) as connection:
        channel = await connection.channel()
        for service in SERVICES:
            await channel.queue_delete(names.queue(service), timeout=SECONDS)
        await channel.exchange_delete(names.exchange, timeout=SECONDS)
