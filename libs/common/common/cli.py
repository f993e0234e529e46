"""The command of every service: serve, migrate, and look after parked messages."""

import asyncio
from collections.abc import Awaitable, Callable
from operator import itemgetter
from typing import TypeAlias, TypeVar
from uuid import UUID

import asyncpg
import click
from pydantic import ValidationError
from pydantic_settings import SettingsError

from common import logs
from common.service import Service, main
from common.settings import CommonSettings

S = TypeVar("S", bound=CommonSettings)
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

LIST = "SELECT id, type, attempts, due_at, reason, failed_at FROM dead_letter ORDER BY failed_at LIMIT $1"
SHOW = "SELECT id, type, attempts, due_at, reason, failed_at, trace, body FROM dead_letter WHERE id = $1"
REPLAY = "UPDATE dead_letter SET due_at = now(), attempts = 0 WHERE id = $1 RETURNING id"
REPLAY_ALL = "UPDATE dead_letter SET due_at = now(), attempts = 0 WHERE due_at IS NULL RETURNING id"
SHOW_CODES = "DELETE FROM webhook_code RETURNING code, received_at"
DROP = "DELETE FROM dead_letter WHERE id = $1 RETURNING id"


def command(name: str, settings: type[S], build: Callable[[S], Service]) -> click.Group:
    """The command line of the service `name`; without a subcommand it serves."""

    @click.group(invoke_without_command=True, help=f"The {name} service. Settings come from QS_… variables.")
    @click.pass_context
    def group(context: click.Context) -> None:
        if context.invoked_subcommand is None:
            read = _read(settings)
            logs.configure(name, read.log_level)
            main(lambda: build(read))

    @group.command(help="Bring the schema to its newest version.")
    def migrate() -> None:
        from common.db.migrate import upgrade  # noqa: PLC0415 - Alembic comes with the `migrate` extra only

        upgrade(_read(CommonSettings).postgres_dsn.get_secret_value(), name)
        click.echo(f"{name} is migrated")

    @group.command(help="Show the codes with which Clover verifies the webhook's address, once, and forget them.")
    def webhook_code() -> None:
        rows = _on_schema(name, lambda conn: conn.fetch(SHOW_CODES))
        if not rows:
            raise click.ClickException("no code came since the last was shown; have Clover send one")
        for row in sorted(rows, key=itemgetter("received_at")):
            click.echo(f"{row['code']}  (came at {row['received_at']:%F %T})")
        if len(rows) > 1:
            click.echo("Anybody may send one: Clover's came when Clover was asked to send it.")

    group.add_command(_dead(name))
    return group


def _read(settings: type[S]) -> S:
    try:
        return settings()
    except (ValidationError, SettingsError) as error:
        raise click.ClickException(str(error)) from None


def _dead(name: str) -> click.Group:
    @click.group(help="Messages that could not be handled.")
    def dead() -> None:
        pass

    @dead.command(name="ls", help="List them, oldest first.")
    @click.option("--limit", default=100, show_default=True)
    def list_them(limit: int) -> None:
        rows = _on_schema(name, lambda conn: conn.fetch(LIST, limit))
        for row in rows:
            state = f"again at {row['due_at']:%F %T}" if row["due_at"] else "waits for you"
            click.echo(f"{row['id']}  {row['failed_at']:%F %T}  {row['type']}  {state}  {row['reason']}")
        click.echo(f"{len(rows)} parked")

    @dead.command(help="Show one whole.")
    @click.argument("message_id", type=click.UUID)
    def show(message_id: UUID) -> None:
        row = _on_schema(name, lambda conn: conn.fetchrow(SHOW, message_id))
        if row is None:
            raise click.ClickException(f"no parked message {message_id}")
        for key, value in row.items():
            click.echo(f"{key}: {bytes(value).decode('utf-8', 'replace') if key == 'body' else value}")

    @dead.command(help="Handle one again, or with --all every one that waits for you.")
    @click.argument("message_id", type=click.UUID, required=False)
    @click.option("--all", "every", is_flag=True)
    def replay(message_id: UUID | None, every: bool) -> None:
        if (message_id is None) != every:
            raise click.UsageError("name one message, or say --all")
        sql, arguments = (REPLAY_ALL, []) if every else (REPLAY, [message_id])
        _count(_on_schema(name, lambda conn: conn.fetch(sql, *arguments)), "to be handled again")

    @dead.command(help="Forget one for good.")
    @click.argument("message_id", type=click.UUID)
    def drop(message_id: UUID) -> None:
        _count(_on_schema(name, lambda conn: conn.fetch(DROP, message_id)), "dropped")

    return dead


R = TypeVar("R")


def _count(rows: list[asyncpg.Record], what: str) -> None:
    if not rows:
        raise click.ClickException("no such parked message")
    click.echo(f"{len(rows)} {what}")


def _on_schema(name: str, query: Callable[[Connection], Awaitable[R]]) -> R:
    async def run() -> R:
        dsn = _read(CommonSettings).postgres_dsn.get_secret_value()
        connection = await asyncpg.connect(dsn, timeout=5, command_timeout=20, server_settings={"search_path": name})
        try:
            return await query(connection)
        finally:
            await connection.close(timeout=5)

    return asyncio.run(run())
