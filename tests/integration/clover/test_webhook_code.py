"""The command with which an operator reads the codes that verify the webhook's address."""

import asyncio

import asyncpg
import pytest
from click.testing import CliRunner, Result

from common.cli import command
from common.settings import CommonSettings

KEEP = """
INSERT INTO inventory.webhook_code (code, received_at)
VALUES ('a-code-of-clovers', '2026-11-23 12:00+00'), ('a-strangers', '2026-11-23 11:00+00')
"""


@pytest.fixture
def run(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A command line whose service has its database."""
    for name, value in {"QS_ENV": "dev", "QS_POSTGRES_DSN": database_dsn, "QS_AMQP_URL": "amqp://"}.items():
        monkeypatch.setenv(name, value)
    return CliRunner()


def webhook_code(run: CliRunner) -> Result:
    return run.invoke(command("inventory", CommonSettings), ["webhook-code"])


def test_the_codes_are_shown_once(run: CliRunner, database_dsn: str) -> None:
    """The command shows the stored codes with their times, and deletes them."""

    async def keep() -> None:
        connection = await asyncpg.connect(database_dsn)
        await connection.execute(KEEP)
        await connection.close()

    asyncio.run(keep())
    first, second = webhook_code(run), webhook_code(run)

    assert first.output.splitlines()[:2] == [
        "a-strangers  (received at 2026-11-23 11:00:00)",
        "a-code-of-clovers  (received at 2026-11-23 12:00:00)",
    ]
    assert second.exit_code == 1
    assert "ask Clover to send one" in second.output
