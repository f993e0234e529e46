"""Databases for one measurement."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from common.db.migrate import upgrade_async


@asynccontextmanager
async def empty_database(dsn: str, *services: str) -> AsyncIterator[str]:
    """Create a database with the empty schemas of these services; `dsn` may create databases."""
    name = f"bench_{uuid.uuid4().hex[:10]}"
    admin = await asyncpg.connect(dsn)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        own = f"{dsn.rpartition('/')[0]}/{name}"
        for service in services:
            await execute(own, f"CREATE SCHEMA {service}")
            await upgrade_async(own, service)
        yield own
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()


async def execute(dsn: str, sql: str, *arguments: object) -> None:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql, *arguments)
    finally:
        await connection.close()
