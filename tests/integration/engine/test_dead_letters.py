"""Dead letters and alerts are managed from the command line of a service."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from click.testing import CliRunner

from common.db import alerts
from common.ids import uuid7
from inventory.__main__ import main


async def dead_letters(dsn: str, *words: str) -> tuple[int, str]:
    """Run `inventory dead-letters` with these words, and return its exit code and output."""
    return await run(dsn, "dead-letters", *words)


async def run(dsn: str, *command: str) -> tuple[int, str]:
    settings = {"QS_ENV": "dev", "QS_POSTGRES_DSN": dsn, "QS_AMQP_URL": "amqp://unused/"}
    # in a thread, because the command runs a loop of its own
    result = await asyncio.to_thread(CliRunner().invoke, main, command, env=settings)
    return result.exit_code, result.output


@pytest.fixture
async def dead_letter(database_dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection to a schema in which one message waits for a person."""
    connection = await asyncpg.connect(database_dsn, server_settings={"search_path": "inventory"})
    await connection.execute(
        "INSERT INTO dead_letter VALUES ($1, 'clover.object_changed.v1', $2, $3, '', 1, NULL, 'kind (missing)')",
        uuid7(),
        b'{"merchant_id": "MRCHNT0000001"}',
        datetime.now(UTC),
    )
    return connection


async def test_a_dead_letter_is_listed_shown_replayed_and_dropped(
    database_dsn: str, dead_letter: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Each command does what its help says."""
    message_id = str(await dead_letter.fetchval("SELECT id FROM dead_letter"))
    code, listed = await dead_letters(database_dsn, "ls")
    assert code == 0
    assert message_id in listed
    assert "waits for you" in listed
    _, shown = await dead_letters(database_dsn, "show", message_id)
    assert "kind (missing)" in shown
    assert '{"merchant_id": "MRCHNT0000001"}' in shown

    await dead_letters(database_dsn, "replay", message_id)
    assert await dead_letter.fetchval("SELECT due_at <= now() FROM dead_letter")
    await dead_letters(database_dsn, "drop", message_id)
    assert await dead_letter.fetchval("SELECT count(*) FROM dead_letter") == 0
    code, output = await dead_letters(database_dsn, "drop", message_id)
    assert code == 1
    assert "no such dead letter" in output
    assert "no dead letter waits for you" in (await dead_letters(database_dsn, "replay", "--all"))[1]
    await dead_letter.close()


async def test_an_alert_is_counted_listed_and_cleared(database_dsn: str) -> None:
    """A repeated alert is one line with its count, until the operator clears it."""
    connection = await asyncpg.connect(database_dsn, server_settings={"search_path": "inventory"})
    for _ in range(2):
        await alerts.report(connection, "queue", "inventory.events", "was dead")
    assert await alerts.count(connection) == 1
    _, listed = await run(database_dsn, "alerts", "ls")
    assert "queue inventory.events  was dead  2 times" in listed

    await run(database_dsn, "alerts", "clear")
    assert await alerts.count(connection) == 0
    assert "there are no alerts" in (await run(database_dsn, "alerts", "clear"))[1]
    await connection.close()
