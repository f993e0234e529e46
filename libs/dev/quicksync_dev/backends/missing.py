"""Prints the Debian packages that `quicksync up` and the tests still need, one per line, for tools/setup."""

import asyncio
import os
from functools import partial

import click

from quicksync_dev.backends import programs
from quicksync_dev.backends.select import local_programs


def main() -> None:
    """Print the packages to standard output and the progress to standard error."""
    given = os.environ.get("QS_POSTGRES_DSN"), os.environ.get("QS_AMQP_URL")
    needed = asyncio.run(local_programs(partial(click.echo, err=True), *given))
    for package in sorted({each.package for each in programs.missing([programs.NGINX, *needed])}):
        click.echo(package)


if __name__ == "__main__":
    main()
