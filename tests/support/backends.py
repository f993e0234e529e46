"""PostgreSQL and RabbitMQ for tests, from where `quicksync up` takes them; one that cannot be had is an error."""

import logging
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from tests.support import workers

from quicksync_dev.backends.external import ExternalServer
from quicksync_dev.backends.select import Backends, select
from quicksync_dev.datadir import DataDir

log = logging.getLogger(__name__)


@asynccontextmanager
async def chosen_backends(given: Mapping[str, str]) -> AsyncIterator[Backends]:
    """Yield both, not started yet; `given` holds the known addresses. Started servers are stopped at the end."""
    data_dir = DataDir(Path(tempfile.mkdtemp(prefix="quicksync-tests-")))
    with data_dir.locked(log.info):
        chosen = await select(data_dir, log.info, given.get("QS_POSTGRES_DSN"), given.get("QS_AMQP_URL"))
        try:
            yield chosen
        finally:
            await chosen.stop()
    await chosen.discard()
    data_dir.discard()


async def start_postgres(backends: Backends) -> str:
    """Start PostgreSQL; its administrator's DSN."""
    await backends.postgres.start()
    if not isinstance(backends.postgres, ExternalServer):
        await _relax(backends.postgres.url)
    return backends.postgres.url


async def _relax(dsn: str) -> None:
    """Wait for no disk: these data need to survive the services that are killed, and no end of the server."""
    connection = await asyncpg.connect(dsn, timeout=10)
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        await connection.execute(f"ALTER SYSTEM SET {setting} = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close(timeout=10)


async def start_rabbitmq(backends: Backends) -> str:
    """Start RabbitMQ; its administrator's address."""
    await backends.rabbitmq.start()
    return backends.rabbitmq.url


@pytest.fixture(scope="session")
async def backends(request: pytest.FixtureRequest) -> AsyncIterator[Backends]:
    """Yield both, selected; each is started when it is first asked for. Workers are given running ones."""
    async with chosen_backends(workers.shared(request.config) or os.environ) as chosen:
        yield chosen


@pytest.fixture(scope="session")
async def postgres_dsn(backends: Backends) -> str:
    """Return the administrator's DSN of a PostgreSQL."""
    return await start_postgres(backends)


@pytest.fixture(scope="session")
async def amqp_url(backends: Backends) -> str:
    """Return the administrator's address of a RabbitMQ, which workers share: each test has a namespace of its own."""
    return await start_rabbitmq(backends)
