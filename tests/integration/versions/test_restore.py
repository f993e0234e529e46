"""A service that lost its database fills it from catalog, on a real broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import aio_pika
import asyncpg
import pytest
from tests.integration.versions.conftest import OWN, Owner, built, items_in, merchant_in, rows_in
from tests.support.eventually import eventually
from tests.support.tokens import Issuer

from common.bus.topology import Topology
from common.comparison import MerchantComparison
from common.contracts.catalog import MerchantConnected
from common.db.inbox import Handlers
from common.db.migrate import upgrade_async
from common.db.unit import Unit
from common.service import Service

MERCHANT, GONE = "MRCHNT0000001", "MRCHNT0000002"
FIRST, SECOND, THIRD = (f"ITEM{number:09}" for number in range(1, 4))
SKUS = ("A", "B", "C")


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[str]:
    """Run all loops of the service; yield its address."""
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(service.run(stop, port.set_result))
    try:
        async with asyncio.timeout(30):
            url = f"http://127.0.0.1:{await port}"
        yield url
    finally:
        stop.set()
        await asyncio.wait_for(task, 25)


@pytest.fixture
async def namespace(amqp_url: str) -> AsyncIterator[str]:
    """A namespace on the broker, whose queues are deleted afterwards."""
    name = f"versions_{uuid4().hex[:10]}."
    yield name
    connection = await aio_pika.connect(amqp_url)
    async with connection, connection.channel() as channel:
        topology = Topology(name)
        for service in ("catalog", *OWN):
            await channel.queue_delete(topology.queue(service))
            await channel.exchange_delete(topology.settled_mark(service))
        await channel.exchange_delete(topology.exchange)


@pytest.mark.parametrize("name", OWN)
async def test_a_service_restored_from_an_empty_database(
    name: str, database_dsn: str, amqp_url: str, namespace: str
) -> None:
    """It ends with the merchants and links of catalog, as it did from the events, of which none is left."""
    bus = {"amqp_url": amqp_url, "bus_namespace": namespace, "port": 0}
    catalog = built("catalog", database_dsn, Issuer(), **bus)
    async with running(catalog) as url:
        owner = Owner(catalog, url)
        await change(owner)
        for _ in range(2):
            service = built(name, database_dsn, Issuer(), **bus, catalog_url=url)
            async with running(service):
                await eventually(partial(agrees, owner, service), within=60)
            await empty(database_dsn, name)


async def change(owner: Owner) -> None:
    """Connect two merchants, of which one leaves again, and link items, of which one is replaced."""
    for merchant_id in (MERCHANT, GONE):
        await owner.connect(merchant_id)
    await owner.disconnect(GONE)
    await owner.link(MERCHANT, "p-1", FIRST, "A")
    await owner.link(MERCHANT, "p-2", THIRD, "B")
    await owner.link(MERCHANT, "p-1", SECOND, "A")


async def agrees(owner: Owner, service: Service) -> bool:
    """Return whether the service has the merchants and links of catalog."""
    for merchant_id in (MERCHANT, GONE):
        if await merchant_in(service, merchant_id) != await merchant_in(owner.service, merchant_id):
            return False
    if service.name == "notifier":
        return True
    is_same = await rows_in(service, MERCHANT) == await rows_in(owner.service, MERCHANT)
    return is_same and await items_in(service, MERCHANT, SKUS) == {"A": SECOND, "B": THIRD}


async def empty(dsn: str, schema: str) -> None:
    """Replace the schema of the service by a new one."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(f'DROP SCHEMA "{schema}" CASCADE; CREATE SCHEMA "{schema}"')
    await connection.close()
    await upgrade_async(dsn, schema)


async def test_a_bug_in_a_handler_ends_no_service(owner: Owner, replicas: dict[str, Service]) -> None:
    """The comparison is repeated, and brings the merchant once the handler works."""
    await owner.connect(MERCHANT)
    service, failures = replicas["orders"], iter([True])

    async def fails_once(event: MerchantConnected, unit: Unit) -> None:
        if next(failures, False):
            raise RuntimeError("a bug")
        await service.handlers[MerchantConnected](event, unit)

    handlers: Handlers = {**service.handlers, MerchantConnected: fails_once}
    comparison = MerchantComparison(service.database, service.deps.catalog, handlers, 300)
    stop = asyncio.Event()
    running = asyncio.create_task(comparison.run(stop))
    await eventually(lambda: merchant_in(service, MERCHANT), within=20)
    stop.set()
    await running
