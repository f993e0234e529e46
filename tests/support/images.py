"""Fetches the container images that tests build on before the first test, because no test has time for it."""

import click
from tests.support.compose import command, foundations

from quicksync_dev.backends import docker

if __name__ == "__main__" and command() is not None and docker.engine_answers():
    for tag in foundations():
        docker.supplies("containers", tag, click.echo)
