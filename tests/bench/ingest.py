"""`ingest`: Clover webhooks made durable per second on one process, against FastAPI with one insert a request.

Both insert the same row into the same table of the same PostgreSQL; the runs are interleaved and medians compared.
"""

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import asyncpg
from tests.bench.database import execute
from tests.bench.figures import Entry
from tests.bench.listening import until_listening
from tests.bench.load import Load

from common.db.migrate import engine_sql
from quicksync_dev.ports import free_port

ROOT = Path(__file__).parents[2]
OURS = [sys.executable, "-m", "tests.bench.ingest_server"]
PEER = [str(ROOT / ".venv-bench/bin/python"), "tests/bench/peers/fastapi_ingest.py"]
SECRET = str(uuid.uuid4())
MERCHANTS = [f"MRCHNT{number:07}" for number in range(100)]
KNOWN = "INSERT INTO ingest.merchant SELECT unnest($1::text[]), '', 'us', 'USD', 'UTC'"
ROUNDS = 5
SECONDS = 3.0


async def measure(dsn: str, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Entry]:
    """The figures, one dictionary each as `make bench` writes them. `dsn` may create databases."""
    async with _database(dsn) as own, _server(OURS, own) as ours, _server(PEER, own) as peer:
        crowded = [await _both(own, ours, peer, 64, seconds) for _ in range(rounds)]
        alone = [await _both(own, ours, peer, 1, seconds / 3) for _ in range(2 * rounds)]
    return [
        _entry("ingest", "webhooks/s", [(a.rate, b.rate) for a, b in crowded]),
        _entry("ingest p99, 64 connections", "ms", [(a.p99, b.p99) for a, b in crowded]),
        _entry("ingest p50, 1 connection", "ms", [(a.p50, b.p50) for a, b in alone]),
        _entry("ingest p99, 1 connection", "ms", [(a.p99, b.p99) for a, b in alone]),
    ]


def _entry(name: str, unit: str, pairs: Sequence[tuple[float, float]]) -> Entry:
    ours, peer = median(a for a, _ in pairs), median(b for _, b in pairs)
    ratio = round(median(a / b for a, b in pairs), 3)
    return {"name": name, "value": ours, "unit": unit, "peer": "FastAPI", "peer_value": peer, "ratio": ratio}


async def _both(dsn: str, ours: int, peer: int, connections: int, seconds: float) -> tuple[Load, Load]:
    return await _load(dsn, ours, connections, seconds), await _load(dsn, peer, connections, seconds)


async def _load(dsn: str, port: int, connections: int, seconds: float) -> Load:
    """One run against an empty outbox; every webhook answered with 200 must be in it."""
    await execute(dsn, "TRUNCATE ingest.outbox")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.load", "127.0.0.1", str(port), str(connections), str(seconds),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    out, _ = await process.communicate(json.dumps([_request(number) for number in range(2000)]).encode())
    load = Load(**json.loads(out))
    durable = await _rows(dsn)
    if load.failed or durable < load.answered:
        raise RuntimeError(f"{load.answered} webhooks were answered 200, {load.failed} not, {durable} are durable")
    return load


def _request(number: int) -> str:
    change = {"objectId": f"I:ITEM{number:09}", "type": "UPDATE", "ts": 1_700_000_000_000 + number}
    body = json.dumps({"appId": "APP0000000001", "merchants": {MERCHANTS[number % len(MERCHANTS)]: [change]}})
    head = f"POST /webhooks/clover HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Clover-Auth: {SECRET}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"


@asynccontextmanager
async def _database(dsn: str) -> AsyncIterator[str]:
    name = f"ingest_{uuid.uuid4().hex[:10]}"
    await execute(dsn, f"CREATE DATABASE {name}")
    own = f"{dsn.rpartition('/')[0]}/{name}"
    try:
        await execute(own, f"CREATE SCHEMA ingest; SET search_path TO ingest; {engine_sql()}")
        await execute(own, KNOWN, MERCHANTS)
        yield own
    finally:
        await execute(dsn, f"DROP DATABASE {name} WITH (FORCE)")


async def _rows(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM ingest.outbox"))
    finally:
        await connection.close()


@asynccontextmanager
async def _server(command: Sequence[str], dsn: str) -> AsyncIterator[int]:
    """The server, listening; its port."""
    port = free_port()
    environment = os.environ | {
        "QS_ENV": "dev",
        "QS_POSTGRES_DSN": dsn,
        "QS_AMQP_URL": "amqp://",
        "QS_PORT": str(port),
        "QS_CLOVER_WEBHOOK_SECRETS": SECRET,
    }
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment)
    try:
        await until_listening(process, port)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
