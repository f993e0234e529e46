"""`orders: list held`: a page of one merchant's held or ready orders over HTTP, with 400,000 orders stored."""

import asyncio
import json
import os
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from statistics import median, quantiles
from typing import Any

import asyncpg
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from tests.bench.database import empty_database
from tests.bench.figures import Entry, figure
from tests.support.tokens import Issuer

from common import logs
from common.seal import Sealer
from orders.app import build
from orders.sealing import seal_payload
from orders.settings import Settings

MERCHANT = "MRCHNT0000001"
STORED = 400_000
PAGES = 300

KNOWN = "INSERT INTO orders.merchant VALUES ($1, 'acc-1', 'us', 'USD', 'America/New_York')"
# By arrival one held, one ready and two paid orders take turns, so that every page skips over the others. All have the
# same sealed payload, which no list opens.
FILL = """
INSERT INTO orders.source_order (merchant_id, source_id, received_at, channel, store, number, currency, payload, units,
    total, placed_at, reference, state, held_problem, held_reason, next_attempt_at)
SELECT $1, 'o-' || n, now(), 'shopify', 'mugs.example', '#' || n, 'USD', $3, 4, 3799,
    now(), to_char(n, 'FM000000000000'), CASE WHEN n % 4 < 2 THEN 'ready' ELSE 'paid' END,
    CASE WHEN n % 4 = 0 THEN 'order_type_missing' END, NULL, CASE WHEN n % 4 = 1 THEN now() END
FROM generate_series(1, $2::integer) AS n
"""
PAYLOAD = """
{"lines": [{"sku": "MUG", "name": "Mug", "quantity": 2, "unit_price": 1250},
           {"sku": "POSTER", "name": "Poster", "quantity": 1, "unit_price": 999},
           {"sku": "PIN", "name": "Pin", "quantity": 1, "unit_price": 300}]}
"""


async def measure(dsn: str, stored: int = STORED, pages: int = PAGES) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them. `dsn` may create databases."""
    logs.configure("orders", "warning")
    async with _database(dsn, stored) as own, _serving(own) as (client, headers):
        took = {state: await _pages(client, headers, state, stored, pages) for state in ("held", "ready")}
    worst = max(took.values(), key=median)
    return [
        figure("orders: list held", median(worst), "ms"),
        figure("orders: list held, p99", quantiles(worst, n=100)[98], "ms"),
    ]


async def _pages(
    client: TestClient[Any, Any], headers: dict[str, str], state: str, stored: int, pages: int
) -> list[float]:
    """Return how long each of these pages of a hundred took, in milliseconds, from places all over the list."""
    places, took = Random(1), []
    for _ in range(pages):
        query = {"state": state, "limit": "100", "cursor": str(places.randrange(stored - 1000))}
        began = time.perf_counter()
        async with client.get(f"/v1/merchants/{MERCHANT}/orders", params=query, headers=headers) as response:
            body = await response.read()
        took.append(1000 * (time.perf_counter() - began))
        found = json.loads(body)["orders"]
        if len(found) != 100 or {each["state"] for each in found} != {state}:
            raise RuntimeError(f"a page of {state} orders was not answered in full")
    return took


@asynccontextmanager
async def _serving(dsn: str) -> AsyncIterator[tuple[TestClient[Any, Any], dict[str, str]]]:
    issuer = Issuer()
    settings = Settings(
        env="dev",
        postgres_dsn=SecretStr(dsn),
        amqp_url=SecretStr("amqp://nowhere.invalid"),
        jwt_public_keys=[issuer.public_pem],
        master_keys=[b64encode(bytes(32)).decode()],
        reference_key=SecretStr("for references only"),
    )
    service = build(settings)
    async with service.opened(), TestClient(TestServer(service.application(), access_log=None)) as client:
        yield client, {"Authorization": f"Bearer {issuer.token()}"}


@asynccontextmanager
async def _database(dsn: str, stored: int) -> AsyncIterator[str]:
    async with empty_database(dsn, "orders") as own:
        await _fill(own, stored)
        yield own


async def _fill(dsn: str, stored: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(KNOWN, MERCHANT)
        payload = seal_payload(Sealer([bytes(32)]), MERCHANT, "", PAYLOAD)
        await connection.execute(FILL, MERCHANT, stored, payload)
        await connection.execute("VACUUM ANALYZE orders.source_order")
    finally:
        await connection.close()


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
