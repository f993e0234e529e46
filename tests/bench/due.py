"""`due`: finding, leasing and finishing due merchants among 100,000, against 100 and against the build of before."""

import asyncio
import json
import os
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from tests.bench.figures import Entry

from common.clock import SystemClock
from common.db.database import Database
from common.db.migrate import engine_sql
from common.work import table
from common.work.leased import LEASE

FEW, BEFORE, MANY = 100, 50_000, 100_000
ROUNDS = 300
BEFORE_ROUNDS = 5
POSTPONED, STALE = 100_000, 1_000_000
AT_ONCE = 1
"""Merchants that are due at each look, as after a single mark."""

OLD_TABLES = (Path(__file__).parent / "peers" / "due_before.sql").read_text()
OLD_LOOK = """
SELECT merchant_id, due_at FROM first_due
WHERE NOT EXISTS (SELECT FROM lease WHERE name = merchant_id AND expires_at > now()) ORDER BY due_at
"""
MERCHANTS = """
INSERT INTO work (merchant_id, kind, key, priority, due_at)
SELECT 'M' || n, 'sweep', 'all', 9, now() + interval '1 hour' FROM generate_series(1, $1::integer) AS n
"""
ROWS = """
INSERT INTO work (merchant_id, kind, key, priority, due_at)
SELECT 'M1', 'push', 'later-' || n, 0, now() + interval '1 hour' FROM generate_series(1, $1::integer) AS n
"""
LEASES = """
INSERT INTO lease (name, token, expires_at)
SELECT 'gone-' || n, gen_random_uuid(), now() - interval '1 day' FROM generate_series(1, $1::integer) AS n
"""


@dataclass
class Engine:
    """A schema with this many merchants, each with work that is due in an hour; the milliseconds of each step."""

    database: Database
    merchants: int
    token: uuid.UUID = field(default_factory=uuid.uuid4)
    look: list[float] = field(default_factory=list)
    take: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)

    async def cycle(self, number: int) -> None:
        """Mark a few merchants, then take them, read their rows and end their turns."""
        names = [f"M{(number * AT_ONCE + each) % self.merchants + 1}" for each in range(AT_ONCE)]
        for name in names:
            async with self.database.unit() as unit:
                unit.mark("push", name, "a")
        began = time.perf_counter()  # a look as the worker's: with the connection from the pool
        async with self.database.connection() as conn:
            now = datetime.now(UTC)
            taken = await table.take(conn, now, 16, self.token, LEASE)
            await table.next_ready(conn, now)
            self.look.append(1000 * (time.perf_counter() - began))
            if sorted(taken) != sorted(names):
                raise RuntimeError(f"{sorted(taken)} were taken instead of {sorted(names)}")
            for name in names:
                rows = await self._timed(self.take, lambda name=name: table.due(conn, name, now, 200))  # type: ignore[misc]
                await conn.execute("DELETE FROM work WHERE id = ANY($1)", [row.id for row in rows])
        for name in names:
            await self._timed(self.end, lambda name=name: self._end(name))  # type: ignore[misc]

    async def _end(self, name: str) -> None:
        async with self.database.unit() as unit:
            await table.end_turn(unit, name, self.token)

    async def _timed(self, taken: list[float], step: Callable[[], Awaitable[Any]]) -> Any:
        began = time.perf_counter()
        result = await step()
        taken.append(1000 * (time.perf_counter() - began))
        return result


async def measure(dsn: str, rounds: int = ROUNDS) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them."""
    async with AsyncExitStack() as stack:
        few, before, many = [await stack.enter_async_context(_engine(dsn, each)) for each in (FEW, BEFORE, MANY)]
        old = await stack.enter_async_context(_old(dsn))
        await _crowd(many)
        for number in range(rounds):
            for engine in (few, before, many):
                await engine.cycle(number)
        walked = [await _old_look(old) for _ in range(BEFORE_ROUNDS)]
    look, base = statistics.median(many.look), statistics.median(few.look)
    now, then = statistics.median(before.look), statistics.median(walked)
    return [
        _entry("due", look, "100 merchants", base, look / base),
        _entry("due, 50,000 merchants", now, "the build before", then, then / now),
        *(
            _entry(f"due: {name}", statistics.median(ours), "100 merchants", statistics.median(theirs), None)
            for name, ours, theirs in (("take a row", many.take, few.take), ("end a turn", many.end, few.end))
        ),
    ]


def _entry(name: str, value: float, peer: str, peer_value: float, ratio: float | None) -> Entry:
    ratio = round(ratio if ratio is not None else value / peer_value, 3)
    return {
        "name": name,
        "value": round(value, 3),
        "unit": "ms",
        "peer": peer,
        "peer_value": round(peer_value, 3),
        "ratio": ratio,
    }


@asynccontextmanager
async def _schema(dsn: str, tables: str) -> AsyncIterator[tuple[str, "asyncpg.Connection[asyncpg.Record]"]]:
    name = f"due_{uuid.uuid4().hex[:8]}"
    admin = await asyncpg.connect(dsn)
    await admin.execute(f"CREATE SCHEMA {name}; SET search_path TO {name}; {tables}")
    yield name, admin
    await admin.execute(f"DROP SCHEMA {name} CASCADE")
    await admin.close()


@asynccontextmanager
async def _engine(dsn: str, merchants: int) -> AsyncIterator[Engine]:
    async with _schema(dsn, engine_sql()) as (name, admin):
        await admin.execute(MERCHANTS, merchants)
        await table.repair(admin, datetime.now(UTC))
        await admin.execute("VACUUM ANALYZE work")
        await admin.execute("VACUUM ANALYZE due_merchant")
        database = Database(dsn, name, SystemClock())
        await database.open()
        yield Engine(database, merchants)
        await database.close()


async def _crowd(engine: Engine) -> None:
    """Add what must not count: postponed rows of one merchant, and the leases of merchants long gone."""
    async with engine.database.connection() as conn:
        await conn.execute(ROWS, POSTPONED, timeout=120)
        await conn.execute(LEASES, STALE, timeout=120)
        await conn.execute("ANALYZE work, lease")


@asynccontextmanager
async def _old(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    async with _schema(dsn, OLD_TABLES) as (_, admin):
        await admin.execute(MERCHANTS, BEFORE)
        await admin.execute("VACUUM ANALYZE work")
        yield admin


async def _old_look(conn: "asyncpg.Connection[asyncpg.Record]") -> float:
    began = time.perf_counter()
    found = await conn.fetch(OLD_LOOK)
    if len(found) != BEFORE:
        raise RuntimeError(f"{len(found)} merchants were found instead of {BEFORE}")
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
