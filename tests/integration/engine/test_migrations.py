"""The engine's tables have a history of their own, apart from those of the services."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.support.database import fresh_database

from common.db.migrate import ADOPTED, ENGINE, upgrade_async

SCRIPTS = sorted(ENGINE.glob("*.sql"))
NEWEST = "SELECT version_num FROM orders.schema_version"
APPLIED = "SELECT script FROM orders.engine_version ORDER BY script"


@pytest.fixture
async def admin(postgres_dsn: str) -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    """The DSN of a database with an empty schema, and a connection to it."""
    async with fresh_database(postgres_dsn) as dsn:
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE SCHEMA orders")
        yield dsn, connection
        await connection.close()


async def test_each_script_of_the_engine_runs_once(admin: tuple[str, asyncpg.Connection]) -> None:
    """Two upgrades at once, and another one later, leave one row for each script."""
    dsn, connection = admin

    await asyncio.gather(upgrade_async(dsn, "orders"), upgrade_async(dsn, "orders"))
    await upgrade_async(dsn, "orders")

    assert [row["script"] for row in await connection.fetch(APPLIED)] == [each.name for each in SCRIPTS]


async def test_a_schema_of_before_the_engine_had_a_history_is_continued(
    admin: tuple[str, asyncpg.Connection],
) -> None:
    """The scripts that the service's own revisions ran are not repeated; the later ones run."""
    dsn, connection = admin
    await upgrade_async(dsn, "orders")
    newest = await connection.fetchval(NEWEST)
    await connection.execute("DROP SCHEMA orders CASCADE; CREATE SCHEMA orders; SET search_path TO orders")
    for script in SCRIPTS[:ADOPTED]:
        await connection.execute(script.read_text())
    await connection.execute("CREATE TABLE schema_version (version_num varchar(32) PRIMARY KEY)")
    await connection.execute("INSERT INTO schema_version VALUES ($1)", newest)
    await connection.execute("INSERT INTO lease (name, token, expires_at) VALUES ('kept', gen_random_uuid(), now())")

    await upgrade_async(dsn, "orders")

    assert [row["script"] for row in await connection.fetch(APPLIED)] == [each.name for each in SCRIPTS]
    assert await connection.fetchval("SELECT count(*) FROM lease") == 1
