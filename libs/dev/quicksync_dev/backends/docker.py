"""Runs back-ends in containers with testcontainers, if a Docker engine answers and has or can fetch the images."""

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound
from requests import RequestException
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from quicksync_dev.backends.server import postgres_answers, rabbitmq_answers
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import ComponentFailed
from quicksync_dev.ports import free_port
from quicksync_dev.progress import Progress, stopwatch
from quicksync_dev.waiting import holds

ASK_SECONDS = 10
"""Seconds an engine may take to say whether it, or the registry behind it, has an image."""

LABEL = "quicksync.data-dir"
"""Labels our containers and volumes with the data directory, so that `make clean` finds them."""

USUAL_ENGINE = "unix:///var/run/docker.sock"
STOP_SECONDS = 15
READY_WITHIN = 90.0
ENGINE_ERRORS = (DockerException, RequestException, OSError)

Build = Callable[[str, str], DockerContainer]
"""Builds a container with this name and password."""


@dataclass(frozen=True)
class Image:
    """A pinned image. `volume` is the path of its data, `address` the template of its DSN."""

    name: str
    tag: str
    port: int
    volume: str
    address: str
    build: Build
    answers: Callable[[str], Awaitable[bool]]


def _postgres(name: str, password: str) -> DockerContainer:
    container = PostgresContainer(
        "postgres:17", username="postgres", password=password, dbname="postgres", driver=None, name=name
    )
    # The encoding of new databases follows LANG.
    return container.with_env("LANG", "C.UTF-8")


def _rabbitmq(name: str, password: str) -> DockerContainer:
    # testcontainers' RabbitMqContainer needs pika, which is no dependency of ours.
    names = {"RABBITMQ_DEFAULT_USER": "quicksync", "RABBITMQ_DEFAULT_PASS": password}
    # RabbitMQ stores its data under the host name, so the name must not change.
    return DockerContainer("rabbitmq:4-management", env=names, name=name, hostname="quicksync")


POSTGRES = Image(
    "postgres",
    "postgres:17",
    5432,
    "/var/lib/postgresql/data",
    "postgresql://postgres:{password}@{host}:{port}/postgres?sslmode=disable",
    _postgres,
    postgres_answers,
)
RABBITMQ = Image(
    "rabbitmq",
    "rabbitmq:4-management",
    5672,
    "/var/lib/rabbitmq",
    "amqp://quicksync:{password}@{host}:{port}/",
    _rabbitmq,
    rabbitmq_answers,
)


def engine_answers() -> bool:
    """Return whether a Docker engine answers."""
    engine = os.environ.get("DOCKER_HOST", USUAL_ENGINE)
    # Checked first, because docker's client leaks a socket that has no listener.
    if engine.startswith("unix://") and not _listens(engine.removeprefix("unix://")):
        return False
    try:
        client = docker.from_env(timeout=ASK_SECONDS)
    except ENGINE_ERRORS:
        return False
    try:
        return bool(client.ping())
    except ENGINE_ERRORS:
        return False
    finally:
        client.close()


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(ASK_SECONDS)
        return probe.connect_ex(path) == 0


def supplies(name: str, tag: str, progress: Progress) -> bool:
    """Return whether the engine has the image, after fetching it if necessary. Report a failure as `name`."""
    client = docker.from_env(timeout=ASK_SECONDS)
    try:
        client.images.get(tag)
    except NotFound:
        return _fetch(client, name, tag, progress)
    except ENGINE_ERRORS as error:
        progress(f"{name}: Docker is not used: {_short(error)}")
        return False
    finally:
        client.close()
    return True


def _fetch(client: docker.DockerClient, name: str, tag: str, progress: Progress) -> bool:
    took = stopwatch()
    try:
        client.images.get_registry_data(tag)
        progress(f"{name}: fetching the image {tag}")
        puller = docker.from_env(timeout=600)
        puller.images.pull(tag)
        puller.close()
    except ENGINE_ERRORS as error:
        progress(f"{name}: Docker is not used, because it has no {tag} and cannot fetch it ({took()})")
        progress(f"{name}: Docker reports: {_short(error)}")
        return False
    return True


class Container:
    """One back-end in a container. Its data volume is named after the system and outlives the container."""

    pid = None

    def __init__(self, image: Image, data_dir: DataDir, progress: Progress) -> None:
        self.name = image.name
        self._image = image
        self._data_dir = data_dir
        self._progress = progress
        self._password = data_dir.once(image.name, lambda: secrets.token_urlsafe(24))
        self._port = free_port()
        # Not named after the path, because a volume could then outlive the password it was created with.
        self._title = f"{data_dir.system}-{image.name}"
        self._labels = {LABEL: str(data_dir.root)}
        self._container: DockerContainer | None = None
        self._starting: asyncio.Task[None] | None = None
        self._host = "127.0.0.1"

    @property
    def url(self) -> str:
        """Return the administrator's DSN."""
        return self._image.address.format(password=self._password, host=self._host, port=self._port)

    async def alive(self) -> bool:
        """Return whether the container runs."""
        return await asyncio.to_thread(self._runs)

    async def start(self) -> None:
        """Start a container on the same port and data as before. Remove one that a killed launcher left."""
        took = stopwatch()
        await asyncio.to_thread(self._remove)
        try:
            self._starting = asyncio.create_task(asyncio.to_thread(self._run))
            await asyncio.shield(self._starting)
        except ENGINE_ERRORS as error:
            raise await self._failed(_short(error)) from error
        if not await holds(lambda: self._image.answers(self.url), READY_WITHIN):
            raise await self._failed(f"no answer within {READY_WITHIN:.0f} s")
        self._progress(f"{self.name}: container of {self._image.tag} on port {self._port} ready in {took()}")

    async def stop(self) -> None:
        """Stop and remove the container but keep its data. Wait for a start in progress first."""
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        await asyncio.to_thread(self._with_container, lambda found: found.stop(timeout=STOP_SECONDS))
        await asyncio.to_thread(self._remove)

    async def kill(self) -> None:
        """Kill the container with SIGKILL."""
        await asyncio.to_thread(self._with_container, lambda found: found.kill())

    async def _failed(self, fault: str) -> ComponentFailed:
        lines = await asyncio.to_thread(self._last_lines)
        await asyncio.to_thread(self._remove)
        return ComponentFailed(self.name, f"the container did not get ready: {fault}", lines)

    async def discard(self) -> None:
        """Delete the volume."""
        await asyncio.to_thread(self._remove_volume)

    def _remove_volume(self) -> None:
        client = docker.from_env(timeout=ASK_SECONDS)
        try:
            client.volumes.get(self._title).remove()
        except NotFound:
            return
        finally:
            client.close()

    def _run(self) -> None:
        # We find our containers by name. testcontainers' reaper would need one more image.
        testcontainers_config.ryuk_disabled = True
        container = self._image.build(self._title, self._password)
        local = _is_local(container.get_docker_client())
        published: Any = container.ports  # with_bind_ports takes no address
        published[str(self._image.port)] = (self._host, self._port) if local else self._port
        self._make_volume()
        container.with_volume_mapping(self._title, self._image.volume, "rw")
        container.with_kwargs(labels=self._labels)
        self._container = container
        container.start()
        if not local:
            self._host = container.get_container_host_ip()

    def _make_volume(self) -> None:
        client = docker.from_env(timeout=ASK_SECONDS)
        try:
            client.volumes.create(self._title, labels=self._labels)
        finally:
            client.close()

    def _runs(self) -> bool:
        status: list[str] = []
        self._with_container(lambda found: status.append(found.status))
        return status == ["running"]

    def _last_lines(self) -> list[str]:
        lines: list[str] = []
        self._with_container(lambda found: lines.extend(found.logs(tail=20).decode(errors="replace").splitlines()))
        return lines

    def _remove(self) -> None:
        self._with_container(lambda found: found.remove(force=True))

    def _with_container(self, act: Callable[[docker.models.containers.Container], object]) -> None:
        client = docker.from_env(timeout=STOP_SECONDS + ASK_SECONDS)
        try:
            act(client.containers.get(self._title))
        except NotFound:
            return
        finally:
            client.close()


def _is_local(client: DockerClient) -> bool:
    """Return whether the engine's loopback is ours. It is not for a remote engine or inside a container."""
    return client.get_connection_mode() is ConnectionMode.docker_host and client.host() == "localhost"


def _short(error: BaseException) -> str:
    """Return the first line of the engine's error, without addresses."""
    said = error.explanation if isinstance(error, APIError) else str(error)
    return (said or type(error).__name__).splitlines()[0][:200]
