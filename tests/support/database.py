"""A database with the schemas of all services, migrated once and emptied after each test."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.support import pools, workers

from common.db.migrate import upgrade_async
from quicksync_dev.database import SERVICES, at

CREATE = "CREATE DATABASE \"{name}\" TEMPLATE \"{template}\" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
PART = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL($1)
"""
"""End the sessions that a test left, but not those that wait for the next one."""
EMPTY = """
DO $$
DECLARE
    found record;
    used boolean;
BEGIN
    FOR found IN
        SELECT oid::regclass AS name FROM pg_class
        WHERE relkind = 'r' AND relnamespace = ANY('{schemas}'::regnamespace[])
            AND relname NOT IN ('schema_version', 'engine_version')
        ORDER BY EXISTS (SELECT FROM pg_constraint WHERE conrelid = pg_class.oid AND contype = 'f') DESC
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', found.name) INTO used;
        IF used THEN
            EXECUTE format('DELETE FROM %s', found.name);
        END IF;
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename), start_value, false) FROM pg_sequences
    WHERE schemaname = ANY('{schemas}') AND last_value IS NOT NULL;
END $$
"""
"""Only tables that hold rows, those with foreign keys first: 3 ms, where to truncate all takes 150."""


@asynccontextmanager
async def fresh_database(admin_dsn: str, template: str = "template0") -> AsyncIterator[str]:
    """Create a copy of the template under a new name, and yield its DSN. Drop it afterwards, even if it is in use."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    admin = await asyncpg.connect(admin_dsn, timeout=10, command_timeout=60)
    try:
        await admin.execute(CREATE.format(name=name, template=template))
        yield at(admin_dsn, name)
    finally:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.close(timeout=10)


def name_of(dsn: str) -> str:
    """Return the database that a DSN of `fresh_database` leads to."""
    return urlsplit(dsn).path.removeprefix("/")


@asynccontextmanager
async def migrated_database(admin_dsn: str) -> AsyncIterator[str]:
    """Yield a database in which the schema of every service is at its newest version, without a connection to it."""
    async with fresh_database(admin_dsn) as dsn:
        await _create_schemas(dsn)
        for service in SERVICES:
            await upgrade_async(dsn, service)
        yield dsn


async def _create_schemas(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=60)
    try:
        for service in SERVICES:
            await connection.execute(f'CREATE SCHEMA "{service}"')
    finally:
        await connection.close(timeout=10)


@dataclass(frozen=True)
class ReusedDatabase:
    """A database that one test after the other uses, each an empty one."""

    dsn: str
    schemas: Sequence[str]
    administrator: "asyncpg.Connection[asyncpg.Record]"

    async def empty(self) -> None:
        """End the sessions that the test left behind, and delete its rows."""
        await self.administrator.execute(PART, pools.sessions(self.dsn))
        await self.administrator.execute(EMPTY.replace("{schemas}", f"{{{','.join(self.schemas)}}}"))


@asynccontextmanager
async def reused(dsn: str, schemas: Sequence[str]) -> AsyncIterator[ReusedDatabase]:
    """Keep connections to this database from test to test."""
    administrator = await asyncpg.connect(dsn, timeout=10, command_timeout=60)
    async with pools.kept(dsn):
        yield ReusedDatabase(dsn, schemas, administrator)
    await administrator.close(timeout=10)


@pytest.fixture(scope="session")
async def migrated(request: pytest.FixtureRequest, postgres_dsn: str) -> AsyncIterator[ReusedDatabase]:
    """This process's migrated database: a worker copies the one of the run."""
    given = workers.shared(request.config)
    made = fresh_database(postgres_dsn, given["template"]) if given else migrated_database(postgres_dsn)
    async with made as dsn, reused(dsn, SERVICES) as database:
        yield database


@pytest.fixture
async def database_dsn(migrated: ReusedDatabase) -> AsyncIterator[str]:
    """Yield a migrated database with nothing in it, as its administrator."""
    yield migrated.dsn
    await migrated.empty()
