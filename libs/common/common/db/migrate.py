"""Migrations: hand-written SQL files, run by Alembic, one version table per schema.

Only `<service> migrate` and the tests use this; a running service never changes its schema. It needs the `migrate`
extra of the distribution.
"""

import asyncio
from functools import partial
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import asyncpg
from alembic import command, op
from alembic.config import Config
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

ENGINE = Path(__file__).parent / "engine"
"""The scripts that create and change the engine's tables, in the order of their names."""


def upgrade(dsn: str, service: str) -> None:
    """Bring the service's schema to its newest version. Concurrent calls wait for one another."""
    asyncio.run(upgrade_async(dsn, service))


async def upgrade_async(dsn: str, service: str) -> None:
    """Do the same as `upgrade`, inside a running loop."""
    # asyncpg reads the DSN, as in the service: SQLAlchemy does not accept every form (several hosts, for example)
    connect = partial(asyncpg.connect, dsn, server_settings={"search_path": service}, timeout=10)
    engine = create_async_engine("postgresql+asyncpg://", poolclass=pool.NullPool, async_creator=connect)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, service)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, service: str) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"migrate {service}"})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_path_separator", "os")
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(_folder(service) / "versions"))
    config.attributes.update(connection=connection, schema=service)
    command.upgrade(config, "head")


def _folder(service: str) -> Path:
    return Path(str(files(import_module(service)))) / "migrations"


def run_sql(service: str, name: str) -> None:
    """Run a migration's `.sql` file as one script, which asyncpg's prepared statements cannot."""
    run_script((_folder(service) / name).read_text())


def run_engine_sql(name: str) -> None:
    """Run one of the engine's scripts on the schema that is being migrated."""
    run_script((ENGINE / name).read_text())


def engine_sql() -> str:
    """Return all of the engine's scripts, for a schema without a service (tests and benchmarks)."""
    return "\n".join(script.read_text() for script in sorted(ENGINE.glob("*.sql")))


def run_script(script: str) -> None:
    """Run a script of several statements on the schema that is being migrated."""
    op.get_bind().connection.run_async(lambda driver: driver.execute(script))
