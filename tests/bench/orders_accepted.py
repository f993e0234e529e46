"""`orders: accepted`: orders of three lines taken per second over HTTP by one process, each durable first."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from tests.bench.database import empty_database, execute
from tests.bench.figures import Entry, figure
from tests.bench.listening import until_listening
from tests.bench.load import Load
from tests.support.tokens import Issuer

from quicksync_dev.ports import free_port

MERCHANT = "MRCHNT0000001"
KNOWN = """
INSERT INTO orders.merchant (merchant_id, account_id, region, currency, timezone)
VALUES ($1, 'acc-1', 'us', 'USD', 'America/New_York')
"""
CONNECTIONS, SECONDS, REQUESTS = 64, 5.0, 20_000


async def measure(dsn: str, seconds: float = SECONDS) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them. `dsn` may create databases."""
    async with _database(dsn) as own, _serving(own) as (process, port, token):
        before = _cpu_seconds(process.pid)
        load = await _load(own, port, token, seconds)
        cpu = (_cpu_seconds(process.pid) - before) / load.answered
    return [
        figure("orders: accepted", load.rate, "1/s"),
        figure("orders: accepted, p99", load.p99, "ms"),
        figure("orders: accepted, processor time of each", round(1000 * cpu, 2), "ms"),
    ]


def _cpu_seconds(pid: int) -> float:
    """Return the processor time that the process has used, which tells more on a busy machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _load(dsn: str, port: int, token: str, seconds: float) -> Load:
    """Send different orders; every one that was answered must be stored and queued."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.load", "127.0.0.1", str(port), str(CONNECTIONS), str(seconds),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate(json.dumps([_request(number, token) for number in range(REQUESTS)]).encode())
    load = Load(**json.loads(out))
    stored = await _queued(dsn)
    if load.failed or stored < min(load.answered, REQUESTS):
        raise RuntimeError(f"{load.answered} orders were taken, {load.failed} not, {stored} are queued")
    return load


def _request(number: int, token: str) -> str:
    order = {
        "channel": {"channel": "shopify", "store": "mugs.example"},
        "number": f"#{number}",
        "currency": "USD",
        "lines": [
            {"sku": "MUG", "name": "Mug", "quantity": 2, "unit_price": 1250},
            {"sku": "POSTER", "name": "Poster", "quantity": 1, "unit_price": 999},
            {"sku": "PIN", "name": "Pin", "quantity": 1, "unit_price": 300},
        ],
        "taxes": [{"name": "Sales tax", "rate": "8.875", "amount": 337}],
        "shipping": [{"amount": 500}],
        "total": 4636,
        "placed_at": "2026-11-23T10:00:00+01:00",
    }
    body = json.dumps(order)
    head = f"PUT /v1/merchants/{MERCHANT}/orders/o-{number} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    return (
        f"{head}Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )


async def _queued(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM orders.work WHERE kind = 'push_order'")
    finally:
        await connection.close()
    return count


@asynccontextmanager
async def _serving(dsn: str) -> AsyncIterator[tuple[Process, int, str]]:
    issuer, port = Issuer(), free_port()
    settings = {
        "QS_ENV": "dev",
        "QS_POSTGRES_DSN": dsn,
        "QS_AMQP_URL": "amqp://nowhere.invalid",
        "QS_JWT_PUBLIC_KEYS": issuer.public_pem,
        "QS_MASTER_KEYS": b64encode(bytes(32)).decode(),
        "QS_REFERENCE_KEY": "for references only",
        "QS_LOG_LEVEL": "error",
        "QS_HOST": "127.0.0.1",
        "QS_PORT": str(port),
    }
    command = (sys.executable, "-m", "tests.bench.orders_server")
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **settings})
    try:
        await until_listening(process, port)
        yield process, port, issuer.token()
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


@asynccontextmanager
async def _database(dsn: str) -> AsyncIterator[str]:
    async with empty_database(dsn, "orders") as own:
        await execute(own, KNOWN, MERCHANT)
        yield own


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
