"""`orders: till sale told`: from a sale at the till to its event on the broker, 50 sales/s over 20 merchants.

The service runs as in production, on its database, on the broker, and beside a Clover of its own process that answers
in 50 ms. The merchants' grants have the rate of Clover's limit per token.
"""

import asyncio
import json
import os
import re
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
from aio_pika.abc import AbstractIncomingMessage
from pydantic import SecretStr
from tests.bench.database import empty_database
from tests.bench.figures import Entry, figure
from tests.support.eventually import eventually
from tests.support.service import INTERNAL_SECRETS, MASTER_KEY, OpenGrants
from tests.support.tokens import Issuer

from common import logs
from common.bus.broker import Broker
from common.bus.topology import Topology
from common.clover.grants import Grant, Want
from common.contracts.orders import PosSaleRecorded
from common.ids import MerchantId
from common.webhooks.receiver import PATH
from orders.app import build
from orders.settings import Settings

MERCHANTS, RATE, SECONDS = 20, 50.0, 20.0
LATENCY_MS = 50.0
WARM_UP = 2.0
SECRET = "from Clover to orders"

KNOWN = """
INSERT INTO orders.merchant (merchant_id, account_id, region, currency, timezone)
SELECT id, 'acc-1', 'us', 'USD', 'America/New_York' FROM unnest($1::text[]) AS id
"""
WATCHED = """
INSERT INTO orders.sales_watch (merchant_id, since, read_until)
SELECT id, now() - interval '1 minute', now() FROM unnest($1::text[]) AS id
"""


async def measure(dsn: str, amqp_url: str, seconds: float = SECONDS) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them. `dsn` may create databases."""
    logs.configure("orders", "warning")
    async with _clover() as clover, empty_database(dsn, "orders") as own:
        await clover.open_shops(MERCHANTS)
        await _know(own, list(clover.tokens))
        async with _serving(own, amqp_url, clover) as heard:
            took = await _sell(clover, heard, seconds)
    cuts = quantiles(took, n=100)
    return [
        figure("orders: till sale told", cuts[49], "ms"),
        figure("orders: till sale told, p99", cuts[98], "ms"),
    ]


@dataclass
class LocalClover:
    """A sandbox in a process of its own, driven by its control API."""

    url: str
    http: aiohttp.ClientSession
    tokens: dict[MerchantId, str] = field(default_factory=dict)

    async def control(self, method: str, path: str, body: object = None) -> Any:
        async with self.http.request(method, f"{self.url}/_sandbox{path}", json=body) as response:
            response.raise_for_status()
            return await response.json()

    async def open_shops(self, count: int) -> None:
        """Create merchants that sell tea."""
        for _ in range(count):
            made = await self.control("POST", "/merchants", {"region": "us"})
            self.tokens[made["id"]] = made["token"]
            tea = {"name": "Tea", "price": 300, "sku": "TEA"}
            await self.control("POST", f"/merchants/{made['id']}/till/create_item", tea)

    async def sell(self, merchant_id: MerchantId) -> str:
        """Sell tea at the till; return the id of the order."""
        sold = await self.control("POST", f"/merchants/{merchant_id}/till/sell", {"sku": "TEA", "quantity": 2})
        return str(sold["order"])


@dataclass
class FixedGrants(OpenGrants):
    """Grants at the rate of Clover's limit per token."""

    tokens: dict[str, str] = field(default_factory=dict)

    async def take(self, merchant_id: str, want: Want, in_flight: int = 0) -> Grant:
        del want, in_flight
        token = self.tokens[merchant_id]
        return Grant(merchant_id, "us", token, rate=16.0, concurrency=5, renew_in=3600, expires_in=3600)


@asynccontextmanager
async def _clover() -> AsyncIterator[LocalClover]:
    limits = "app=0,app_concurrent=0"
    command = (sys.executable, "-u", "-m", "clover_sandbox", "--port", "0", "--limits", limits)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", (await process.stdout.readline()).decode())
        assert found is not None
        async with aiohttp.ClientSession() as http:
            clover = LocalClover(found[0], http)
            await clover.control("PATCH", "/latency", {"ms": LATENCY_MS})
            yield clover
    finally:
        process.terminate()
        await process.wait()


async def _know(dsn: str, merchant_ids: list[str]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(KNOWN, merchant_ids)
        await connection.execute(WATCHED, merchant_ids)
    finally:
        await connection.close()


@asynccontextmanager
async def _serving(dsn: str, amqp_url: str, clover: LocalClover) -> AsyncIterator[dict[str, float]]:
    """Run the service, and note when the event of each order is on the broker."""
    namespace, heard = f"{uuid4().hex[:8]}.", dict[str, float]()
    settings = Settings(
        env="dev",
        postgres_dsn=SecretStr(dsn),
        amqp_url=SecretStr(amqp_url),
        bus_namespace=namespace,
        port=0,
        clover_base_urls={"us": clover.url},
        clover_webhook_secrets=[SecretStr(SECRET)],
        jwt_public_keys=[Issuer().public_pem],
        internal_secrets=INTERNAL_SECRETS,
        master_keys=[SecretStr(MASTER_KEY)],
        reference_key=SecretStr("for references only"),
    )
    service = build(settings, grants=FixedGrants(tokens=clover.tokens))
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    running = asyncio.create_task(service.run(stop, port.set_result))
    topology, broker = Topology(namespace), Broker(amqp_url, "bench")

    async def hear(message: AbstractIncomingMessage) -> None:
        heard[json.loads(message.body)["clover_order_id"]] = time.perf_counter()

    async with broker.channel("bench") as channel:
        name = await topology.declare_queue(channel, "bench", [PosSaleRecorded.type])
        queue = await channel.get_queue(name)
        await queue.consume(hear, no_ack=True)
        await asyncio.wait({running, port}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        url = f"http://127.0.0.1:{await port}{PATH}"
        await clover.control("PUT", "/webhooks", {"url": url, "secret": SECRET})
        yield heard
        stop.set()
        await running
        for each in (name, *(topology.queue(subscriber) for subscriber in service.subscriptions)):
            await channel.queue_delete(each)
        await channel.exchange_delete(topology.exchange)


async def _sell(clover: LocalClover, heard: dict[str, float], seconds: float) -> list[float]:
    """Sell at a steady rate, one merchant after another; return how many ms the event of each took."""
    began: dict[str, float] = {}

    async def sell_one(merchant_id: str) -> None:
        at = time.perf_counter()
        began[await clover.sell(merchant_id)] = at

    merchant_ids = list(clover.tokens)
    for merchant_id in merchant_ids:  # the queues are declared and the connections open once these are through
        await sell_one(merchant_id)
    await eventually(lambda: heard.keys() == began.keys(), within=60)
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int((WARM_UP + seconds) * RATE)):
            await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
            group.create_task(sell_one(merchant_ids[number % len(merchant_ids)]))
    await eventually(lambda: heard.keys() == began.keys(), within=60)
    measured = [order_id for order_id, at in began.items() if at >= start + WARM_UP]
    return [1000 * (heard[order_id] - began[order_id]) for order_id in measured]


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"], os.environ["QS_AMQP_URL"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
