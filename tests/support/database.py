"""A database with the schemas of all services, migrated once and emptied after each test."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from common.db.migrate import upgrade_async
from quicksync_dev.database import SERVICES, at

PART = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
TABLES = """
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
WHERE schemaname = ANY($1) AND tablename <> 'schema_version'
"""


@asynccontextmanager
async def fresh_database(admin_dsn: str) -> AsyncIterator[str]:
    """A database of a name of its own, with nothing in it; its DSN. Dropped afterwards, whoever still uses it."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    admin = await asyncpg.connect(admin_dsn, timeout=10, command_timeout=60)
    try:
        await admin.execute(
            f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        yield at(admin_dsn, name)
    finally:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.close(timeout=10)


@pytest.fixture(scope="session")
async def migrated(postgres_dsn: str) -> AsyncIterator[str]:
    """The DSN of a database in which the schema of every service is at its newest version."""
    async with fresh_database(postgres_dsn) as dsn:
        await _create_schemas(dsn)
        for service in SERVICES:
            await upgrade_async(dsn, service)
        yield dsn


@pytest.fixture
async def database_dsn(migrated: str) -> AsyncIterator[str]:
    """A migrated database with nothing in it, as its administrator. Emptying one takes a tenth of making one."""
    yield migrated
    connection = await asyncpg.connect(migrated, timeout=10, command_timeout=60)
    await connection.execute(PART)
    tables = await connection.fetchval(TABLES, SERVICES)
    await connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")
    await connection.close(timeout=10)


async def _create_schemas(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=60)
    try:
        for service in SERVICES:
            await connection.execute(f'CREATE SCHEMA "{service}"')
    finally:
        await connection.close(timeout=10)
