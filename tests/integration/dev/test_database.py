"""Preparing the database: a role and a schema for each service, however often, and none sees another's."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from common.db.migrate import upgrade_async
from quicksync_dev import database
from quicksync_dev.database import SERVICES
from quicksync_dev.errors import LauncherError

PASSWORDS = {service: f"pass'word-{service}-@/%" for service in SERVICES}


@pytest.fixture
async def name(postgres_dsn: str) -> AsyncIterator[str]:
    """A database name of the test's own; the database and its roles are dropped afterwards."""
    made = f"test_{uuid.uuid4().hex[:12]}"
    yield made
    await database.drop(postgres_dsn, made)


async def test_each_service_can_use_its_own_schema(postgres_dsn: str, name: str) -> None:
    """Tables it makes without naming a schema are in its own."""
    dsns = await database.prepare(postgres_dsn, PASSWORDS, name)

    for service in SERVICES:
        await _execute(dsns[service], "CREATE TABLE mine (id int)")
        await _execute(dsns[service], f"TABLE {service}.mine")


async def test_preparing_again_changes_nothing_but_passwords(postgres_dsn: str, name: str) -> None:
    """What is there stays, and the passwords given last are those that count."""
    first = await database.prepare(postgres_dsn, PASSWORDS, name)
    await _execute(first["orders"], "CREATE TABLE kept (id int)")

    again = await database.prepare(postgres_dsn, {**PASSWORDS, "orders": "another"}, name)

    await _execute(again["orders"], "SELECT id FROM kept")
    assert again["catalog"] == first["catalog"]
    with pytest.raises(asyncpg.UndefinedTableError):
        await _execute(again["catalog"], "SELECT id FROM kept")


async def test_no_role_reaches_into_another_schema(postgres_dsn: str, name: str) -> None:
    """Neither reading, nor creating there or in public, nor becoming another."""
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


async def test_an_administrator_who_may_not_create_is_told_so(postgres_dsn: str, name: str) -> None:
    """In words: which right is missing, and whose."""
    dsns = await database.prepare(postgres_dsn, PASSWORDS, name)

    with pytest.raises(LauncherError, match=r"permission denied to create database; the user of the DSN needs"):
        await database.prepare(dsns["orders"], PASSWORDS, f"{name}_b")


async def test_options_of_the_address_reach_everyone(postgres_dsn: str, name: str) -> None:
    """What stands behind the `?` of the administrator's DSN is the services' too, and none stumbles over it."""
    dsns = await database.prepare(f"{postgres_dsn}?sslmode=prefer&application_name=mine", PASSWORDS, name)

    assert dsns["orders"].endswith("?sslmode=prefer&application_name=mine")
    await upgrade_async(dsns["orders"], "orders")
    await _execute(dsns["orders"], "TABLE outbox")


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
