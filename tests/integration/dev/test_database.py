"""Database preparation is repeatable and isolates the services' roles and schemas."""

import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from common.db.migrate import upgrade_async
from quicksync_dev import database
from quicksync_dev.database import SERVICES
from quicksync_dev.errors import LauncherError

PASSWORDS = {service: f"pass'word-{service}-@/%" for service in SERVICES}


@pytest.fixture
async def name(postgres_dsn: str) -> AsyncIterator[str]:
    """A database name for this test. The database and its roles are dropped afterwards."""
    made = f"test_{uuid.uuid4().hex[:12]}"
    yield made
    await database.drop(postgres_dsn, made)


async def test_each_service_can_use_its_own_schema(postgres_dsn: str, name: str) -> None:
    """A table created without a schema name is in the service's schema."""
    dsns = await database.prepare(postgres_dsn, PASSWORDS, name)

    for service in SERVICES:
        await _execute(dsns[service], "CREATE TABLE mine (id int)")
        await _execute(dsns[service], f"TABLE {service}.mine")


async def test_preparing_again_changes_nothing_but_passwords(postgres_dsn: str, name: str) -> None:
    """Existing objects stay, and the latest passwords apply."""
    first = await database.prepare(postgres_dsn, PASSWORDS, name)
    await _execute(first["orders"], "CREATE TABLE kept (id int)")

    again = await database.prepare(postgres_dsn, {**PASSWORDS, "orders": "another"}, name)

    await _execute(again["orders"], "SELECT id FROM kept")
    assert again["catalog"] == first["catalog"]
    with pytest.raises(asyncpg.UndefinedTableError):
        await _execute(again["catalog"], "SELECT id FROM kept")


async def test_no_role_reaches_into_another_schema(postgres_dsn: str, name: str) -> None:
    """A role cannot read or create in another schema or in public, nor switch to another role."""
    dsns = await database.prepare(postgres_dsn, PASSWORDS, name)
    await _execute(dsns["orders"], "CREATE TABLE secret (id int)")

    for refused in (
        "SELECT id FROM orders.secret",
        "CREATE TABLE orders.planted (id int)",
        "CREATE TABLE public.planted (id int)",
        f'SET ROLE "{database.role("orders", name)}"',
        "CREATE DATABASE another",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _execute(dsns["notifier"], refused)


async def test_an_administrator_without_rights_gets_a_clear_error(postgres_dsn: str, name: str) -> None:
    """The error names the missing right and the user."""
    dsns = await database.prepare(postgres_dsn, PASSWORDS, name)

    with pytest.raises(LauncherError, match=r"permission denied to create database; the user of the DSN needs"):
        await database.prepare(dsns["orders"], PASSWORDS, f"{name}_b")


async def test_dsn_options_reach_every_service(postgres_dsn: str, name: str) -> None:
    """The query of the administrator's DSN is part of each service's DSN, and each service accepts it."""
    dsn = urlsplit(postgres_dsn)._replace(query="sslmode=prefer&application_name=mine").geturl()
    dsns = await database.prepare(dsn, PASSWORDS, name)

    assert dsns["orders"].endswith("?sslmode=prefer&application_name=mine")
    await upgrade_async(dsns["orders"], "orders")
    await _execute(dsns["orders"], "TABLE outbox")


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
