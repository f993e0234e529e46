"""Work of the engine under test: a worker whose kinds are functions, marks, and the rows and events they leave."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.integration.engine.conftest import MERCHANT, Engine

from common.contracts.envelope import Event
from common.contracts.problems import Code
from common.work.batch import Batch
from common.work.kind import Kind
from common.work.worker import Worker

OTHER = "MRCHNT0000002"
Sync = Callable[[Batch], Awaitable[None]]


def worker(engine: Engine, *, concurrency: int = 16, **functions: Sync) -> Worker:
    """A worker whose kinds are these functions."""

    def ignoring_deps(function: Sync) -> Callable[[Batch, Any], Awaitable[None]]:
        return lambda batch, _: function(batch)

    kinds = [Kind(name, ignoring_deps(each), refused=Code.ORDER_REJECTED, batch=10) for name, each in functions.items()]
    return Worker(engine.database, kinds, None, engine.metrics, concurrency=concurrency)


async def mark(engine: Engine, *keys: str, kind: str = "push", merchant: str = MERCHANT, **how: Any) -> None:
    async with engine.database.unit() as unit:
        unit.mark(kind, merchant, keys, **how)


async def rows(engine: Engine) -> list[dict[str, Any]]:
    return [dict(row) for row in await engine.fetch("SELECT * FROM work ORDER BY id")]


async def run_script(engine: Engine, script: str) -> None:
    async with engine.database.connection() as conn:
        await conn.execute(script)


async def events(engine: Engine) -> list[str]:
    found = await engine.fetch("SELECT type, body FROM outbox ORDER BY position")
    return [f"{row['type']} {row['body'].decode()}" for row in found]


async def problem_events(engine: Engine) -> list[Any]:
    found = await engine.fetch("SELECT type, body FROM outbox ORDER BY position")
    return [Event.registry[row["type"]].decode(row["body"]) for row in found]
