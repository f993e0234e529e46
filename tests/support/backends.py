"""PostgreSQL and RabbitMQ for tests, from where `quicksync up` takes them; one that cannot be had is an error."""

import logging
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from quicksync_dev.backends.given import Given
from quicksync_dev.backends.provide import Backends, choose
from quicksync_dev.datadir import DataDir

log = logging.getLogger(__name__)


@pytest.fixture(scope="session")
async def backends() -> AsyncIterator[Backends]:
    """Where both come from, decided; each is started when it is first asked for."""
    data_dir = DataDir(Path(tempfile.mkdtemp(prefix="quicksync-tests-")))
    with data_dir.taken(log.info):
        chosen = await choose(data_dir, log.info, os.environ.get("QS_POSTGRES_DSN"), os.environ.get("QS_AMQP_URL"))
        yield chosen
        await chosen.stop()
    await chosen.discard()
    data_dir.discard()


@pytest.fixture(scope="session")
async def postgres_dsn(backends: Backends) -> str:
    """The administrator's DSN of a PostgreSQL."""
    await backends.postgres.start()
    if not isinstance(backends.postgres, Given):
        await _relax(backends.postgres.url)
    return backends.postgres.url


async def _relax(dsn: str) -> None:
    """Wait for no disk: these data need to survive processes that are killed, and no power cut."""
    connection = await asyncpg.connect(dsn, timeout=10)
    for setting in ("fsync", "full_page_writes"):
        await connection.execute(f"ALTER SYSTEM SET {setting} = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close(timeout=10)


@pytest.fixture(scope="session")
async def amqp_url(backends: Backends) -> str:
    """The administrator's address of a RabbitMQ."""
    await backends.rabbitmq.start()
    return backends.rabbitmq.url
