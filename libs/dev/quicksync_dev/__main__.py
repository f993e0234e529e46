"""The `quicksync` command."""

import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from quicksync_dev import client, compose, identity, runtime_state
from quicksync_dev.datadir import DataDir
from quicksync_dev.demo.play import play
from quicksync_dev.environment import REGIONS
from quicksync_dev.errors import LauncherError
from quicksync_dev.progress import Progress
from quicksync_dev.signals import until_signalled
from quicksync_dev.system import Options, System

USUAL_PORT = 8080
TRAVERSABLE = 0o755
"""PostgreSQL and RabbitMQ run as users of their own and must reach their folders."""

data_dir_option = click.option(
    "--data-dir",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".quicksync"),
    show_default=True,
    help="The directory for all data of the system.",
)


class Command(click.Group):
    """Prints launcher errors and file errors as one message, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except LauncherError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            raise click.ClickException(
                f"{error.filename}: {error.strerror}" if error.filename else str(error)
            ) from error


@click.group(cls=Command, help="Run QuickSync for Clover on this machine.")
def main() -> None:
    """Group the commands."""


@main.command()
@click.option("--clover-url", help="The Clover for all regions. Default: QS_CLOVER_BASE_URLS, else a local sandbox.")
@click.option(
    "--gateway-port", type=click.IntRange(1, 65535), help=f"Default: {USUAL_PORT} if free, else any free port."
)
@data_dir_option
@click.option("--postgres-dsn", envvar="QS_POSTGRES_DSN", help="An external PostgreSQL, with administrator rights.")
@click.option("--amqp-url", envvar="QS_AMQP_URL", help="An external RabbitMQ, with administrator rights.")
def up(
    clover_url: str | None, gateway_port: int | None, root: Path, postgres_dsn: str | None, amqp_url: str | None
) -> None:
    """Start the system and keep it running until Ctrl-C, SIGTERM or SIGHUP."""
    options = Options(clover_urls(clover_url), gateway_port, USUAL_PORT, postgres_dsn, amqp_url)
    asyncio.run(until_signalled(_up(System(root, options, click.echo), click.echo)))


def clover_urls(everywhere: str | None) -> dict[str, str]:
    """Return Clover's address by region: the given one, or those of the environment, or none."""
    if everywhere:
        return dict.fromkeys(REGIONS, everywhere.rstrip("/"))
    try:
        return dict(json.loads(os.environ.get("QS_CLOVER_BASE_URLS") or "{}"))
    except ValueError as error:
        raise LauncherError('QS_CLOVER_BASE_URLS must be a JSON object such as {"us": "https://…"}') from error


async def _up(system: System, progress: Progress) -> None:
    """Run the system until cancellation, which may come during the start."""
    try:
        await system.start()
        _welcome(system, progress)
        await asyncio.Event().wait()
    finally:
        progress("stopping")
        await system.stop()
        progress("stopped")


def _welcome(system: System, progress: Progress) -> None:
    env = system.env()
    progress("")
    progress(f"dashboard: {env['dashboard_url']}")
    progress(f"log in:    {runtime_state.login_link(env['gateway_url'], system.identity)}")
    progress(f"mail:      {env['mail_url']}/")
    if "sandbox" in system.components:
        progress(f"clover:    {env['clover_url']}, empty at each start; `quicksync connect --sandbox` adds a merchant")
    progress(f"logs:      {system.data_dir.root / 'logs'}")
    progress("Ctrl-C stops everything. `quicksync env` prints all addresses, `quicksync login` a new link.")


@main.command()
@data_dir_option
def env(root: Path) -> None:
    """Print all addresses as JSON, with an access token and secrets."""
    data_dir = DataDir(root)
    click.echo(json.dumps(runtime_state.public(runtime_state.read(data_dir), identity.of(data_dir)), indent=2))


@main.command()
@data_dir_option
def login(root: Path) -> None:
    """Print a link that logs a browser in to the dashboard. It is valid for ten minutes."""
    data_dir = DataDir(root)
    click.echo(runtime_state.login_link(runtime_state.read(data_dir)["gateway_url"], identity.of(data_dir)))


@main.command()
@data_dir_option
@click.option("--scope", default="*", show_default=True, help="Scopes, separated by spaces.")
@click.option("--merchants", default="*", show_default=True, help="Merchant ids, separated by commas.")
@click.option("--minutes", default=60.0, show_default=True, type=click.FloatRange(min=0, min_open=True))
def token(root: Path, scope: str, merchants: str, minutes: float) -> None:
    """Print a bearer token for the HTTP APIs."""
    data_dir = DataDir(root)
    runtime_state.read(data_dir)
    click.echo(identity.of(data_dir).token(scope, _listed(merchants), minutes))


@main.command()
@data_dir_option
@click.option("--sandbox", "in_sandbox", is_flag=True, help="Create the merchant in the sandbox first.")
@click.option("--merchant", "merchant_id", help="The Clover merchant's id, 13 characters.")
@click.option(
    "--region",
    type=click.Choice(REGIONS),
    default="us",
    show_default=True,
    help="The merchant's region; `sandbox` is Clover's developer environment.",
)
@click.option("--account", "account_id", default="account-1", show_default=True, help="The QuickSync account.")
@click.option("--email", default="owner@shop.localhost", show_default=True, help="The account's e-mail address.")
@click.option("--api-token", envvar="QS_CLOVER_API_TOKEN", help="The merchant's API token. Default: prompt for it.")
def connect(
    root: Path,
    in_sandbox: bool,
    merchant_id: str | None,
    region: str,
    account_id: str,
    email: str,
    api_token: str | None,
) -> None:
    """Connect a Clover merchant through the gateway."""
    data_dir = DataDir(root)
    running = runtime_state.public(runtime_state.read(data_dir), identity.of(data_dir))
    if in_sandbox:
        merchant_id, api_token = asyncio.run(client.make_sandbox_merchant(running["clover_url"], region))
    if merchant_id is None:
        raise click.UsageError("give --merchant or --sandbox")
    api_token = api_token or click.prompt("API token", hide_input=True)
    wanted = {"region": region, "account_id": account_id, "account_email": email, "api_token": api_token}
    connected = asyncio.run(client.connect(running, {"merchant_id": merchant_id, **wanted}))
    click.echo(json.dumps(connected, indent=2))


@main.command()
@data_dir_option
@click.argument("mail_id", required=False)
def mail(root: Path, mail_id: str | None) -> None:
    """List the caught e-mails, or print one by its id or as `last`."""
    mails = asyncio.run(client.mails(runtime_state.read(DataDir(root))["mail_url"]))
    if mail_id is None:
        for each in mails:
            click.echo(f"{each['id']}  {', '.join(each['to'])}  {each['subject']}")
        click.echo(f"{len(mails)} e-mail{'' if len(mails) == 1 else 's'}")
        return
    found = mails[-1:] if mail_id == "last" else [each for each in mails if each["id"] == mail_id]
    if not found:
        raise click.ClickException(f"there is no e-mail {mail_id}")
    click.echo(f"To: {', '.join(found[0]['to'])}\nSubject: {found[0]['subject']}\n\n{found[0]['text']}")


@main.command()
@click.option(
    "--against",
    type=click.File(),
    help="Run on a running system: a file with the output of `quicksync env`, or - for stdin.",
)
@click.option(
    "--data-dir",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    help="The directory for all data, kept afterwards. Default: a temporary one.",
)
@click.option("--postgres-dsn", envvar="QS_POSTGRES_DSN", help="An external PostgreSQL, with administrator rights.")
@click.option("--amqp-url", envvar="QS_AMQP_URL", help="An external RabbitMQ, with administrator rights.")
def demo(against: TextIO | None, root: Path | None, postgres_dsn: str | None, amqp_url: str | None) -> None:
    """Run the FAQ as a story and check each step, then stop the system. Fail if a step fails."""
    if against is not None:
        asyncio.run(play(json.load(against), click.echo))
        return
    options = Options(postgres_dsn=postgres_dsn, amqp_url=amqp_url)
    with tempfile.TemporaryDirectory(prefix="quicksync-demo-") as temporary:
        Path(temporary).chmod(TRAVERSABLE)
        system = System(root or Path(temporary), options, click.echo)
        if not asyncio.run(until_signalled(_demo(system, kept=root is not None))):
            raise click.Abort


async def _demo(system: System, *, kept: bool) -> None:
    """Start the system, run the story, stop, and delete the data unless the user named the directory."""
    try:
        async with system:
            await play(system.env(), click.echo)
    finally:
        if not kept:
            await system.discard()


@main.command(name="secrets")
@click.option(
    "--data-dir",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".quicksync-compose"),
    show_default=True,
    help="The directory for keys. Give it to env, login, token, connect and mail too.",
)
@click.option("--sandbox", is_flag=True, help="Also start a local Clover and sync with it.")
@click.option("--gateway-port", type=click.IntRange(1, 65535), default=compose.Ports.gateway, show_default=True)
def print_secrets(root: Path, sandbox: bool, gateway_port: int) -> None:
    """Print a .env for docker-compose.yml with new keys and passwords."""
    data_dir, ports = DataDir(root), compose.Ports(gateway=gateway_port)
    click.echo(compose.dotenv(compose.variables(data_dir, ports, sandbox=sandbox)), nl=False)
    runtime_state.write(data_dir, compose.runtime_state(ports), runtime_state.COMPOSE_FILE)


def _listed(text: str) -> Sequence[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


if __name__ == "__main__":
    main()
