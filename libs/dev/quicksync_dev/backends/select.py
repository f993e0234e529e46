"""Chooses where each back-end comes from, the same for `quicksync up` and for the tests, and starts both."""

import asyncio
import os
from dataclasses import dataclass

from quicksync_dev import bus, database
from quicksync_dev.backends import docker, packages
from quicksync_dev.backends.external import ExternalServer
from quicksync_dev.backends.postgres import PrivatePostgres
from quicksync_dev.backends.rabbitmq import PrivateRabbit
from quicksync_dev.backends.server import Server, postgres_answers, rabbitmq_answers
from quicksync_dev.datadir import DataDir
from quicksync_dev.progress import Progress
from quicksync_dev.waiting import together


@dataclass(frozen=True)
class Backends:
    """The two servers everything stands on, started."""

    postgres: Server
    rabbitmq: Server

    async def stop(self) -> None:
        """Stop both; a given one is left as it is."""
        await asyncio.gather(self.postgres.stop(), self.rabbitmq.stop())

    async def discard(self) -> None:
        """Delete what they keep of the system outside its data directory; after `stop`."""
        await asyncio.gather(self.postgres.discard(), self.rabbitmq.discard())


async def select_and_start(
    data_dir: DataDir, progress: Progress, *, postgres_dsn: str | None = None, amqp_url: str | None = None
) -> Backends:
    """Both back-ends, running: given by address, else from Docker, else private instances of local programs.

    Addresses not passed are looked for in QS_POSTGRES_DSN and QS_AMQP_URL. Raises NoBackend when one can be had in
    none of these ways, ComponentFailed when one does not start.
    """
    servers = await select(
        data_dir,
        progress,
        postgres_dsn or os.environ.get("QS_POSTGRES_DSN"),
        amqp_url or os.environ.get("QS_AMQP_URL"),
    )
    try:
        await together(servers.postgres.start(), servers.rabbitmq.start())
    except BaseException:
        await servers.stop()
        raise
    return servers


async def select(data_dir: DataDir, progress: Progress, postgres_dsn: str | None, amqp_url: str | None) -> Backends:
    """Where each comes from, decided but not started; missing packages of both are installed in one go."""
    postgres: Server | None = None
    rabbitmq: Server | None = None
    if postgres_dsn:
        postgres = ExternalServer("postgres", postgres_dsn, postgres_answers, database.drop, data_dir.system, progress)
    if amqp_url:
        rabbitmq = ExternalServer("rabbitmq", amqp_url, rabbitmq_answers, bus.drop, data_dir.system, progress)
    if not (postgres and rabbitmq) and await asyncio.to_thread(docker.engine_answers):
        postgres = postgres or await _container(docker.POSTGRES, data_dir, progress)
        rabbitmq = rabbitmq or await _container(docker.RABBITMQ, data_dir, progress)
    wanted = [] if postgres else [packages.POSTGRES]
    wanted += [] if rabbitmq else [packages.RABBITMQ, packages.EPMD]
    found = dict(zip(wanted, await packages.ensure(wanted, progress), strict=True))
    return Backends(
        postgres or PrivatePostgres(data_dir, found[packages.POSTGRES], progress),
        rabbitmq or PrivateRabbit(data_dir, found[packages.RABBITMQ], found[packages.EPMD], progress),
    )


async def _container(image: docker.Image, data_dir: DataDir, progress: Progress) -> Server | None:
    supplied = await asyncio.to_thread(docker.supplies, image.name, image.tag, progress)
    return docker.Container(image, data_dir, progress) if supplied else None
