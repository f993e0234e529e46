"""Chooses where each back-end comes from, the same for `quicksync up` and for the tests, and starts both."""

import asyncio
import os
from dataclasses import dataclass

from quicksync_dev import bus, database
from quicksync_dev.backends import docker, packages
from quicksync_dev.backends.given import Given
from quicksync_dev.backends.postgres import PrivatePostgres
from quicksync_dev.backends.rabbitmq import PrivateRabbit
from quicksync_dev.backends.server import Server, postgres_answers, rabbitmq_answers
from quicksync_dev.datadir import DataDir
from quicksync_dev.say import Say
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


async def provide(
    data_dir: DataDir, say: Say, *, postgres_dsn: str | None = None, amqp_url: str | None = None
) -> Backends:
    """Both back-ends, running: given by address, else from Docker, else private instances of local programs.

    Addresses not passed are looked for in QS_POSTGRES_DSN and QS_AMQP_URL. Raises NoBackend when one can be had in
    none of these ways, PartFailed when one does not start.
    """
    servers = await choose(
        data_dir,
        say,
        postgres_dsn or os.environ.get("QS_POSTGRES_DSN"),
        amqp_url or os.environ.get("QS_AMQP_URL"),
    )
    try:
        await together(servers.postgres.start(), servers.rabbitmq.start())
    except BaseException:
        await servers.stop()
        raise
    return servers


async def choose(data_dir: DataDir, say: Say, postgres_dsn: str | None, amqp_url: str | None) -> Backends:
    """Where each comes from, decided but not started; missing packages of both are installed in one go."""
    postgres: Server | None = None
    rabbitmq: Server | None = None
    if postgres_dsn:
        postgres = Given("postgres", postgres_dsn, postgres_answers, database.drop, data_dir.system, say)
    if amqp_url:
        rabbitmq = Given("rabbitmq", amqp_url, rabbitmq_answers, bus.drop, data_dir.system, say)
    if not (postgres and rabbitmq) and await asyncio.to_thread(docker.engine_answers):
        postgres = postgres or await _container(docker.POSTGRES, data_dir, say)
        rabbitmq = rabbitmq or await _container(docker.RABBITMQ, data_dir, say)
    wanted = [] if postgres else [packages.POSTGRES]
    wanted += [] if rabbitmq else [packages.RABBITMQ, packages.EPMD]
    found = dict(zip(wanted, await packages.ensure(wanted, say), strict=True))
    return Backends(
        postgres or PrivatePostgres(data_dir, found[packages.POSTGRES], say),
        rabbitmq or PrivateRabbit(data_dir, found[packages.RABBITMQ], found[packages.EPMD], say),
    )


async def _container(image: docker.Image, data_dir: DataDir, say: Say) -> Server | None:
    supplied = await asyncio.to_thread(docker.supplies, image.name, image.tag, say)
    return docker.Container(image, data_dir, say) if supplied else None
