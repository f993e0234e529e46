"""The command line of every service: serve, migrate, and manage dead letters, alerts and the queue.

Each command has imports of its own: the service itself takes half a second to import, and Alembic is an extra.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from operator import itemgetter
from typing import TypeAlias, TypeVar
from uuid import UUID

import asyncpg
import click
from pydantic import ValidationError
from pydantic_settings import SettingsError

from common.settings import CommonSettings

S = TypeVar("S", bound=CommonSettings)
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

LIST = "SELECT id, type, attempts, due_at, reason, failed_at FROM dead_letter ORDER BY failed_at LIMIT $1"
SHOW = "SELECT id, type, attempts, due_at, reason, failed_at, trace, body FROM dead_letter WHERE id = $1"
REPLAY = "UPDATE dead_letter SET due_at = now(), attempts = 0 WHERE id = $1 RETURNING id"
REPLAY_ALL = "UPDATE dead_letter SET due_at = now(), attempts = 0 WHERE due_at IS NULL RETURNING id"
SHOW_CODES = "DELETE FROM webhook_code RETURNING code, received_at"
DROP = "DELETE FROM dead_letter WHERE id = $1 RETURNING id"
ALERTS = "SELECT name, subject, detail, times, last_at FROM alert ORDER BY first_at"
CLEAR_ALERTS = "DELETE FROM alert RETURNING name"

NO_DEAD_LETTER = "no such dead letter"


def command(name: str, settings: type[S]) -> click.Group:
    """Build the command line of the service `name`, which `<name>.app` builds; without a subcommand it serves."""

    @click.group(invoke_without_command=True, help=f"The {name} service. Settings come from QS_… variables.")
    @click.pass_context
    def group(context: click.Context) -> None:
        if context.invoked_subcommand is None:
            from common import logs, service  # noqa: PLC0415

            read = _read(settings)
            logs.configure(name, read.log_level)
            app = import_module(f"{name}.app")
            service.main(lambda: app.build(read))

    @group.command(help="Bring the schema to its newest version.")
    def migrate() -> None:
        from common.db.migrate import upgrade  # noqa: PLC0415 - it needs the `migrate` extra

        upgrade(_read(CommonSettings).postgres_dsn.get_secret_value(), name)
        click.echo(f"{name} is migrated")

    @group.command(help="Show the codes with which Clover verifies the webhook's address, and delete them.")
    def webhook_code() -> None:
        rows = _on_schema(name, lambda conn: conn.fetch(SHOW_CODES))
        if not rows:
            raise click.ClickException("no code has arrived since the last one was shown; ask Clover to send one")
        for row in sorted(rows, key=itemgetter("received_at")):
            click.echo(f"{row['code']}  (received at {row['received_at']:%F %T})")
        if len(rows) > 1:
            click.echo("Anybody can send a code. Clover's is the one received when you asked Clover to send it.")

    @group.command(help="Delete this service's queue and declare it again. The messages in it are lost.")
    @click.confirmation_option(prompt="Are the messages in the queue lost anyway?")
    def recreate_queue() -> None:
        service = import_module(f"{name}.app").build(_read(settings))
        asyncio.run(service.queues.recreate(name, service.inbox.types))
        click.echo(f"the queue of {name} is new")

    group.add_command(_dead_letters(name))
    group.add_command(_alerts(name))
    return group


def _read(settings: type[S]) -> S:
    try:
        return settings()
    except ValidationError as error:
        raise click.ClickException("\n".join(_faults(error))) from None
    except SettingsError as error:
        [field] = re.findall(r'field "(\w+)"', str(error)) or ["…"]
        raise click.ClickException(f"{_variable(field)}: is not valid JSON") from None


def _faults(error: ValidationError) -> Iterator[str]:
    """Yield one line per fault, with its environment variable and never its value, which may be a secret."""
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        message = each["msg"].removeprefix("Value error, ")
        # a fault of several settings together has no field; its message names the variable
        field, *within = [str(part) for part in each["loc"]] or [""]
        place = "".join(f"{part}: " for part in within)  # of a setting with several parts
        yield f"{_variable(field)}: {place}{_described(each['type'], message)}" if field else message


def _described(kind: str, message: str) -> str:
    return "not set; it is required" if kind == "missing" else message[:1].lower() + message[1:]


def _variable(field: str) -> str:
    return f"{CommonSettings.model_config['env_prefix']}{field.upper()}"


def _dead_letters(name: str) -> click.Group:
    @click.group(name="dead-letters", help="Manage dead letters: messages that could not be handled.")
    def group() -> None:
        pass

    @group.command(name="ls", help="List them, oldest first.")
    @click.option("--limit", default=100, show_default=True)
    def list_them(limit: int) -> None:
        rows = _on_schema(name, lambda conn: conn.fetch(LIST, limit))
        for row in rows:
            state = f"next attempt at {row['due_at']:%F %T}" if row["due_at"] else "waits for you"
            click.echo(f"{row['id']}  {row['failed_at']:%F %T}  {row['type']}  {state}  {row['reason']}")
        click.echo(f"{len(rows)} dead letters")

    @group.command(help="Show one in full.")
    @click.argument("message_id", type=click.UUID)
    def show(message_id: UUID) -> None:
        row = _on_schema(name, lambda conn: conn.fetchrow(SHOW, message_id))
        if row is None:
            raise click.ClickException(f"no dead letter {message_id}")
        for key, value in row.items():
            click.echo(f"{key}: {bytes(value).decode('utf-8', 'replace') if key == 'body' else value}")

    @group.command(help="Retry one now, or with --all every one that waits for you.")
    @click.argument("message_id", type=click.UUID, required=False)
    @click.option("--all", "every", is_flag=True)
    def replay(message_id: UUID | None, every: bool) -> None:
        if (message_id is None) != every:
            raise click.UsageError("give one message id, or --all")
        sql, arguments = (REPLAY_ALL, []) if every else (REPLAY, [message_id])
        none = "no dead letter waits for you" if every else NO_DEAD_LETTER
        _count(_on_schema(name, lambda conn: conn.fetch(sql, *arguments)), "to be retried", none=none)

    @group.command(help="Delete one.")
    @click.argument("message_id", type=click.UUID)
    def drop(message_id: UUID) -> None:
        _count(_on_schema(name, lambda conn: conn.fetch(DROP, message_id)), "dropped", none=NO_DEAD_LETTER)

    return group


def _alerts(name: str) -> click.Group:
    @click.group(name="alerts", help="Alerts: notices for the operator, about faults that no merchant can mend.")
    def group() -> None:
        pass

    @group.command(name="ls", help="List them, oldest first.")
    def list_them() -> None:
        rows = _on_schema(name, lambda conn: conn.fetch(ALERTS))
        for row in rows:
            repeated = f"{row['times']} times, last at {row['last_at']:%F %T}"
            click.echo(f"{row['name']} {row['subject']}  {row['detail']}  {repeated}")
        click.echo(f"{len(rows)} alerts")

    @group.command(help="Delete all of them, after reading.")
    def clear() -> None:
        _count(_on_schema(name, lambda conn: conn.fetch(CLEAR_ALERTS)), "cleared", none="there are no alerts")

    return group


R = TypeVar("R")


def _count(rows: list[asyncpg.Record], done: str, *, none: str) -> None:
    if not rows:
        raise click.ClickException(none)
    click.echo(f"{len(rows)} {done}")


def _on_schema(name: str, query: Callable[[Connection], Awaitable[R]]) -> R:
    async def run() -> R:
        dsn = _read(CommonSettings).postgres_dsn.get_secret_value()
        connection = await asyncpg.connect(dsn, timeout=5, command_timeout=20, server_settings={"search_path": name})
        try:
            return await query(connection)
        finally:
            await connection.close(timeout=5)

    return asyncio.run(run())
