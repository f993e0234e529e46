"""Emits events as the service orders of the build on the path, and publishes the events in its outbox.

It reads one JSON object from its input: `dsn`, `amqp_url`, `namespace`, `events` (pairs of type and fields), `publish`.
"""

import asyncio
import json
import sys
from typing import Any

import common.contracts.orders
import common.contracts.problems  # noqa: F401 - both fill the registry
from common.bus.broker import Broker
from common.bus.publisher import AmqpPublisher
from common.bus.queues import Queues
from common.bus.topology import SUBSCRIPTIONS, Topology
from common.clock import SystemClock
from common.contracts.envelope import Event
from common.db.database import Database
from common.db.outbox import Relay
from common.telemetry.metrics import Metrics


async def main(given: dict[str, Any]) -> None:
    """Emit the events in one transaction, then publish until the outbox is empty."""
    clock = SystemClock()
    database = Database(given["dsn"], "orders", clock)
    await database.open()
    async with database.unit() as unit:
        unit.emit(*(Event.registry[kind](**fields) for kind, fields in given["events"]))
    if given["publish"]:
        broker = Broker(given["amqp_url"], "orders")
        publisher = AmqpPublisher(Queues(broker, Topology(given["namespace"], SUBSCRIPTIONS), clock))
        await _publish_all(database, Relay(database, publisher, Metrics()))
        await publisher.close()
    await database.close()


async def _publish_all(database: Database, relay: Relay) -> None:
    async with database.connection() as conn:
        while await conn.fetchval("SELECT count(*) FROM outbox"):
            if not await relay.publish_due():
                await asyncio.sleep(0.05)  # another build's relay has the lease


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
