"""The database of a system. Each service has its own role, which owns its own schema."""

from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from quicksync_dev.errors import LauncherError

SERVICES = ("catalog", "inventory", "orders", "notifier")
CONNECT_SECONDS = 10
COMMAND_SECONDS = 30

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

LOCK = "SELECT pg_advisory_lock(hashtext('quicksync prepare'))"
CREATE_DATABASE = "CREATE DATABASE %I TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
"""The server's own template may have another encoding, and a locale that goes with that one only."""
HAS_DATABASE = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
HAS_ROLE = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"


async def prepare(admin_dsn: str, passwords: Mapping[str, str], database: str) -> dict[str, str]:
    """Create the database and a role and schema per service. Return the DSN of each service.

    `passwords` maps services to passwords. Existing objects are kept or corrected, so this can run at every start. A
    role can connect to this database and use only its own schema. Raises LauncherError when the administrator lacks
    the rights.
    """
    try:
        return await _prepare(admin_dsn, passwords, database)
    except asyncpg.InsufficientPrivilegeError as error:
        raise LauncherError(
            f"postgres: {error}; the user of the DSN needs the rights to create databases and roles"
        ) from error


async def _prepare(admin_dsn: str, passwords: Mapping[str, str], database: str) -> dict[str, str]:
    server = await _connect(admin_dsn)
    try:
        # Roles and databases belong to the whole server, and two systems may prepare at once.
        await server.execute(LOCK)
        if not await server.fetchval(HAS_DATABASE, database):
            await _run(server, CREATE_DATABASE, database)
        for service in passwords:
            await _role(server, role(service, database), passwords[service], schema=service)
    finally:
        await server.close(timeout=CONNECT_SECONDS)
    await _schemas(at(admin_dsn, database), database, tuple(passwords))
    return {service: at(admin_dsn, database, role(service, database), word) for service, word in passwords.items()}


async def drop(admin_dsn: str, database: str) -> None:
    """Drop the database, despite open sessions, and its roles. Ignore missing ones."""
    server = await _connect(admin_dsn)
    try:
        if await server.fetchval(HAS_DATABASE, database):
            await _run(server, "DROP DATABASE %I WITH (FORCE)", database)
        for name in (role(service, database) for service in SERVICES):
            if await server.fetchval(HAS_ROLE, name):
                await _run(server, "DROP ROLE %I", name)
    finally:
        await server.close(timeout=CONNECT_SECONDS)


def role(service: str, database: str) -> str:
    """Return the role of a service. Roles belong to the whole server, so their names contain the database's."""
    return f"{database}_{service}"


async def _role(server: Connection, name: str, password: str, schema: str) -> None:
    if not await server.fetchval(HAS_ROLE, name):
        await _run(server, "CREATE ROLE %I", name)
    await _run(server, "ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L", name, password)
    await _run(server, "ALTER ROLE %I SET search_path = %I", name, schema)


async def _schemas(dsn: str, database: str, services: tuple[str, ...]) -> None:
    connection = await _connect(dsn)
    try:
        async with connection.transaction():
            await _run(connection, "REVOKE ALL ON DATABASE %I FROM PUBLIC", database)
            await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            for service in services:
                owner = role(service, database)
                await _run(connection, "GRANT CONNECT ON DATABASE %I TO %I", database, owner)
                await _run(connection, "CREATE SCHEMA IF NOT EXISTS %I", service)
                await _run(connection, "ALTER SCHEMA %I OWNER TO %I", service, owner)
                await _run(connection, "REVOKE ALL ON SCHEMA %I FROM PUBLIC", service)
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


async def _run(connection: Connection, form: str, *values: str) -> None:
    """Run a statement that allows no parameters. The server quotes names (%I) and texts (%L)."""
    places = ", ".join(f"${place}::text" for place in range(2, len(values) + 2))
    await connection.execute(await connection.fetchval(f"SELECT format($1, {places})", form, *values))


async def _connect(dsn: str) -> Connection:
    return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS)


def at(dsn: str, database: str, user: str | None = None, password: str = "") -> str:
    """Return the DSN of another database on the same server, optionally for another user."""
    place = urlsplit(dsn)
    host = place.netloc.rpartition("@")[2]
    netloc = f"{quote(user)}:{quote(password, safe='')}@{host}" if user else place.netloc
    return urlunsplit(place._replace(netloc=netloc, path=f"/{quote(database)}"))
