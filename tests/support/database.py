"""A database with the schemas of all services for each test: a clone of one that is migrated once."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from common.db.migrate import upgrade_async
from quicksync_dev.database import SERVICES


@asynccontextmanager
async def fresh_database(admin_dsn: str, template: str = "template1") -> AsyncIterator[str]:
    """A database of a name of its own, copied from the template; its DSN. Dropped afterwards, whoever still uses it."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    admin = await asyncpg.connect(admin_dsn, timeout=10, command_timeout=60)
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        yield database_named(admin_dsn, name)
    finally:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.close(timeout=10)


def database_named(dsn: str, name: str) -> str:
    """The DSN of another database on the same server."""
    return f"{dsn.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="session")
async def template(postgres_dsn: str) -> AsyncIterator[str]:
    """The name of a database in which the schema of every service is at its newest version."""
    async with fresh_database(postgres_dsn) as dsn:
        await _create_schemas(dsn)
        for service in SERVICES:
            await upgrade_async(dsn, service)
        yield dsn.rpartition("/")[2]


async def _create_schemas(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=60)
    try:
        for service in SERVICES:
            await connection.execute(f'CREATE SCHEMA "{service}"')
    finally:
        await connection.close(timeout=10)


@pytest.fixture
async def database_dsn(postgres_dsn: str, template: str) -> AsyncIterator[str]:
    """A migrated database of the test's own, as its administrator."""
    async with fresh_database(postgres_dsn, template) as dsn:
        yield dsn
