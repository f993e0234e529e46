"""Has the programs that tests run installed before the first of them: no test is given the time for it."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import click

from quicksync_dev.backends import docker, packages
from quicksync_dev.backends.provide import choose
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import LauncherError, NoBackend
from tests.support.browser import CHROMIUM
from tests.support.compose import command, foundations

ATOMIC = packages.Program(
    "libatomic", "libatomic1", None, lambda: next(Path("/usr/lib").glob("*/libatomic.so.1"), None)
)
"""What the browser's driver, a program of its own inside Playwright, is linked with."""
BROWSER = packages.Program("Chromium", "chromium", None, lambda: CHROMIUM if CHROMIUM.exists() else None)


async def install() -> None:
    """Whatever is missing, saying so. Raises LauncherError; browser and images can be done without."""
    data_dir = DataDir(Path(tempfile.mkdtemp(prefix="quicksync-tests-")))
    try:
        await choose(data_dir, print, os.environ.get("QS_POSTGRES_DSN"), os.environ.get("QS_AMQP_URL"))
    finally:
        data_dir.discard()
    await packages.ensure([packages.NGINX], click.echo)
    if command() is not None and await asyncio.to_thread(docker.engine_answers):
        for tag in foundations():
            await asyncio.to_thread(docker.supplies, "containers", tag, click.echo)
    try:
        await packages.ensure([BROWSER, ATOMIC], click.echo)
    except NoBackend as error:
        click.echo(f"the tests in a browser are skipped: {error}")


if __name__ == "__main__":
    try:
        asyncio.run(install())
    except LauncherError as error:
        sys.exit(str(error))
