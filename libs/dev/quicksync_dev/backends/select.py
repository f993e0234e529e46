"""Selects where each back-end comes from, in the same way for `quicksync up` and for the tests."""

import asyncio
import os
from dataclasses import dataclass

from quicksync_dev import bus, database
from quicksync_dev.backends import docker
from quicksync_dev.backends.external import ExternalServer
from quicksync_dev.backends.postgres import PrivatePostgres
from quicksync_dev.backends.programs import EPMD, POSTGRES, RABBITMQ, Program, locate
from quicksync_dev.backends.rabbitmq import PrivateRabbit
from quicksync_dev.backends.server import Server, postgres_answers, rabbitmq_answers
from quicksync_dev.datadir import DataDir
from quicksync_dev.progress import Progress
from quicksync_dev.waiting import together


@dataclass(frozen=True)
class Backends:
    """The PostgreSQL and the RabbitMQ of one system."""

    postgres: Server
    rabbitmq: Server

    async def stop(self) -> None:
        """Stop both servers. An external server keeps running."""
        await asyncio.gather(self.postgres.stop(), self.rabbitmq.stop())

    async def discard(self) -> None:
        """Delete the system's data outside its data directory. Call it after `stop`."""
        await asyncio.gather(self.postgres.discard(), self.rabbitmq.discard())


async def select_and_start(
    data_dir: DataDir, progress: Progress, *, postgres_dsn: str | None = None, amqp_url: str | None = None
) -> Backends:
    """Select both back-ends and start them.

    An address that is not passed is read from QS_POSTGRES_DSN or QS_AMQP_URL. Raises NoBackend when no source has a
    back-end, ComponentFailed when one does not start.
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
    """Return both back-ends, not started: the external server, else a container, else a private instance."""
    local = await local_programs(progress, postgres_dsn, amqp_url)
    found = dict(zip(local, locate(local), strict=True))
    postgres: Server
    rabbitmq: Server
    if postgres_dsn:
        postgres = ExternalServer("postgres", postgres_dsn, postgres_answers, database.drop, data_dir.system, progress)
    elif POSTGRES in found:
        postgres = PrivatePostgres(data_dir, found[POSTGRES], progress)
    else:
        postgres = docker.Container(docker.POSTGRES, data_dir, progress)
    if amqp_url:
        rabbitmq = ExternalServer("rabbitmq", amqp_url, rabbitmq_answers, bus.drop, data_dir.system, progress)
    elif RABBITMQ in found:
        rabbitmq = PrivateRabbit(data_dir, found[RABBITMQ], found[EPMD], progress)
    else:
        rabbitmq = docker.Container(docker.RABBITMQ, data_dir, progress)
    return Backends(postgres, rabbitmq)


async def local_programs(progress: Progress, postgres_dsn: str | None, amqp_url: str | None) -> list[Program]:
    """Return the programs of this machine that private back-ends need: those that no address and no image replaces."""
    if postgres_dsn and amqp_url:
        return []
    engine = await asyncio.to_thread(docker.engine_answers)
    needed: list[Program] = []
    if not postgres_dsn and not (engine and await _supplied(docker.POSTGRES, progress)):
        needed += [POSTGRES]
    if not amqp_url and not (engine and await _supplied(docker.RABBITMQ, progress)):
        needed += [RABBITMQ, EPMD]
    return needed


async def _supplied(image: docker.Image, progress: Progress) -> bool:
    return await asyncio.to_thread(docker.supplies, image.name, image.tag, progress)
