"""Parked messages can be seen, shown, replayed and dropped from the command line of a service."""

import asyncio
import os
import sys
from datetime import UTC, datetime

import asyncpg
import pytest

from common.ids import uuid7


async def dead(dsn: str, *words: str) -> tuple[int, str]:
    """Run `inventory dead` with these words: its code and what it said."""
    environment = os.environ | {"QS_ENV": "dev", "QS_POSTGRES_DSN": dsn, "QS_AMQP_URL": "amqp://unused/"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "inventory", "dead", *words,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest.fixture
async def parked(database_dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection to a schema in which one message waits for a person."""
    connection = await asyncpg.connect(database_dsn, server_settings={"search_path": "inventory"})
    await connection.execute(
        "INSERT INTO dead_letter VALUES ($1, 'clover.object_changed.v1', $2, $3, '', 1, NULL, 'kind (missing)')",
        uuid7(),
        b'{"merchant_id": "MRCHNT0000001"}',
        datetime.now(UTC),
    )
    return connection


async def test_a_parked_message_is_listed_shown_replayed_and_dropped(
    database_dsn: str, parked: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Each command does what it says and no more."""
    message_id = str(await parked.fetchval("SELECT id FROM dead_letter"))
    code, listed = await dead(database_dsn, "ls")
    assert code == 0
    assert message_id in listed
    assert "waits for you" in listed
    _, shown = await dead(database_dsn, "show", message_id)
    assert "kind (missing)" in shown
    assert '{"merchant_id": "MRCHNT0000001"}' in shown

    await dead(database_dsn, "replay", message_id)
    assert await parked.fetchval("SELECT due_at <= now() FROM dead_letter")
    await dead(database_dsn, "drop", message_id)
    assert await parked.fetchval("SELECT count(*) FROM dead_letter") == 0
    code, said = await dead(database_dsn, "drop", message_id)
    assert code == 1
    assert "no such parked message" in said
    await parked.close()
