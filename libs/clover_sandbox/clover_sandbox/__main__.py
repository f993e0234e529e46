"""The command `clover-sandbox` serves a local Clover on a port, or computes the totals of carts in a file."""

import asyncio
import json
import signal
from pathlib import Path

import click

from clover_sandbox.app import build, serving
from clover_sandbox.carts import MalformedError, computed
from clover_sandbox.limits import Limits
from clover_sandbox.sandbox import Settings


def read_limits(_context: click.Context, _parameter: click.Parameter, text: str) -> Limits:
    """Parse `app=50,token=16`; limits that are not named keep their documented value."""
    pairs = (part.split("=", 1) for part in text.split(",") if part.strip())
    try:
        return Limits().changed({name.strip(): int(value) for name, value in pairs})
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group(invoke_without_command=True)
@click.option("--port", type=int, help="0 selects a free port; required to serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--limits",
    default="",
    callback=read_limits,
    help="app=50,token=16,app_concurrent=10,token_concurrent=5; 0 removes a limit",
)
@click.option("--webhook-url", help="URL that receives the webhooks")
@click.option("--webhook-secret", default="", help="value of the header X-Clover-Auth")
@click.option("--app-id", default=Settings.app_id, show_default=True)
@click.option("--app-secret", default=Settings.app_secret, help="the app's OAuth secret")
@click.option("--site-url", help="the app's Site URL; OAuth redirects must stay below it")
@click.option("--seed", type=int, help="makes ids and random choices repeatable")
@click.pass_context
def main(
    context: click.Context,
    port: int | None,
    host: str,
    limits: Limits,
    webhook_url: str | None,
    webhook_secret: str,
    app_id: str,
    app_secret: str,
    site_url: str | None,
    seed: int | None,
) -> None:
    """Serve a local Clover. The README of this distribution describes its control API."""
    if context.invoked_subcommand is not None:
        return
    if port is None:
        raise click.UsageError("Missing option '--port'.")
    settings = Settings(limits, webhook_url, webhook_secret, app_id, app_secret, site_url, seed)
    asyncio.run(serve(settings, port, host))


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def totals(file: Path) -> None:
    """Print the totals of the carts in FILE as JSON."""
    try:
        click.echo(json.dumps(computed(file.read_bytes()), indent=1))
    except MalformedError as error:
        raise click.UsageError(str(error)) from None


async def serve(settings: Settings, port: int, host: str) -> None:
    """Serve until SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stopped.set)
    async with serving(build(settings), port, host) as url:
        click.echo(f"Clover sandbox at {url}")
        await stopped.wait()


if __name__ == "__main__":
    main()
