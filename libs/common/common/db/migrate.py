"""Migrations: hand-written SQL files. The engine's tables and a service's tables each have a history of their own.

The engine's scripts run first, in the order of their names; `engine_version` holds the names of those that ran. The
service's revisions follow, run by Alembic. Only `<service> migrate` and the tests use this; a running service never
changes its schema. It needs the `migrate` extra of the distribution.
"""

import asyncio
from collections.abc import Sequence
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

ADOPTED = 3
"""Revisions 0001 to 0003 of every service ran the engine's script of the same number, before it had its own history."""

CREATE_HISTORY = """
CREATE TABLE engine_version (script text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())
"""


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
    _upgrade_engine(connection)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_path_separator", "os")
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(_folder(service) / "versions"))
    config.attributes.update(connection=connection, schema=service)
    command.upgrade(config, "head")


def _upgrade_engine(connection: Connection) -> None:
    """Run the engine's scripts that this schema has not seen."""
    if connection.scalar(text("SELECT to_regclass('engine_version')")) is None:
        connection.execute(text(CREATE_HISTORY))
        _note(connection, _scripts()[: _adopted(connection)])
    applied = set(connection.scalars(text("SELECT script FROM engine_version")))
    for script in _scripts():
        if script.name not in applied:
            _run(connection, script.read_text())
            _note(connection, [script])


def _adopted(connection: Connection) -> int:
    """Return how many of the engine's scripts the service's own revisions have run on this schema."""
    if connection.scalar(text("SELECT to_regclass('schema_version')")) is None:
        return 0
    revision = connection.scalar(text("SELECT version_num FROM schema_version"))
    return min(int(revision or 0), ADOPTED)


def _note(connection: Connection, scripts: Sequence[Path]) -> None:
    for script in scripts:
        connection.execute(text("INSERT INTO engine_version (script) VALUES (:name)"), {"name": script.name})


def _scripts() -> list[Path]:
    return sorted(ENGINE.glob("*.sql"))


def _folder(service: str) -> Path:
    return Path(str(files(import_module(service)))) / "migrations"


def run_sql(service: str, name: str) -> None:
    """Run a migration's `.sql` file as one script, which asyncpg's prepared statements cannot."""
    _run(op.get_bind(), (_folder(service) / name).read_text())


def engine_sql() -> str:
    """Return all of the engine's scripts, for a schema without a service (tests and benchmarks)."""
    return "\n".join(script.read_text() for script in _scripts())


def _run(connection: Connection, script: str) -> None:
    """Run a script of several statements on the schema that is being migrated."""
    connection.connection.run_async(lambda driver: driver.execute(script))
