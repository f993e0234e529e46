"""`rows in`: the longest block of catalog's loop, and its memory, while 10,000 products come in over HTTP."""

import asyncio
import json
import os
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from tests.bench.database import empty_database, execute
from tests.bench.figures import Entry, figure
from tests.bench.listening import until_listening
from tests.support.tokens import Issuer

from quicksync_dev.ports import free_port

MERCHANT = "MRCHNT0000001"
KNOWN = """
INSERT INTO catalog.merchant (merchant_id, account_id, region, currency, timezone)
VALUES ($1, 'acc-1', 'us', 'USD', 'America/New_York')
"""
ROWS = 10_000
ROUNDS = 2


async def measure(dsn: str, rows: int = ROWS, rounds: int = ROUNDS) -> list[Entry]:
    """Return the figures of the worst of several requests in both forms. `dsn` may create databases."""
    async with _database(dsn) as own, _serving(own) as (process, url, headers):
        await _send(process, url, headers, _body(1, "array", 0))  # what the first request loads stays
        found = [
            await _send(process, url, headers, _body(rows, form, number))
            for number in range(rounds)
            for form in ("array", "lines")
        ]
    worst = {name: max(each[name] for each in found) for name in found[0]}
    return [
        figure("rows in", worst["block_ms"], "ms"),
        figure("rows in, memory", worst["memory_mb"], "MB"),
        figure("rows in, time", worst["seconds"], "s"),
    ]


def _body(rows: int, form: str, number: int) -> tuple[bytes, str]:
    """Return products in this form; half of them are new with each number, the others change."""
    products = [
        {
            "product_id": f"{number * (row % 2)}-{row}",
            "name": f"Stoneware mug no. {row}, hand-glazed",
            "sku": f"MUG-{number * (row % 2)}-{row:06}",
            "price": 1000 + row + number,
            "currency": "USD",
            "status": "active",
            "barcode": f"40063813{row:05}",
        }
        for row in range(rows)
    ]
    if form == "array":
        return json.dumps(products).encode(), "application/json"
    return "\n".join(map(json.dumps, products)).encode(), "application/x-ndjson"


async def _send(
    process: asyncio.subprocess.Process, url: str, headers: dict[str, str], body: tuple[bytes, str]
) -> dict[str, float]:
    """Send the body while the server measures itself; return what it found."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the server has no pipes")
    process.stdin.write(b"begin\n")
    began = time.perf_counter()
    async with aiohttp.ClientSession() as session:
        sent = {"Content-Type": body[1]} | headers
        async with session.post(f"{url}/v1/merchants/{MERCHANT}/products:batch", data=body[0], headers=sent) as answer:
            outcomes = await answer.json()
    seconds = time.perf_counter() - began
    if {each["outcome"] for each in outcomes} != {"accepted"}:
        raise RuntimeError(f"not every product was accepted: {outcomes[:3]}")
    process.stdin.write(b"end\n")
    found: dict[str, float] = json.loads(await process.stdout.readline())
    return found | {"seconds": seconds}


@asynccontextmanager
async def _serving(dsn: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, dict[str, str]]]:
    issuer, port = Issuer(), free_port()
    environment = os.environ | {
        "QS_ENV": "dev",
        "QS_POSTGRES_DSN": dsn,
        "QS_AMQP_URL": "amqp://nowhere.invalid",
        "QS_PORT": str(port),
        "QS_LOG_LEVEL": "warning",
        "QS_JWT_PUBLIC_KEYS": issuer.public_pem,
        "QS_MASTER_KEYS": b64encode(bytes(32)).decode(),
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.rows_server", stdin=pipe, stdout=pipe, env=environment
    )
    try:
        await until_listening(process, port)
        yield process, f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {issuer.token()}"}
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _database(dsn: str) -> AsyncIterator[str]:
    async with empty_database(dsn, "catalog") as own:
        await execute(own, KNOWN, MERCHANT)
        yield own


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
