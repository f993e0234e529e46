"""Docker: an engine without the images is skipped quickly; one with them runs both back-ends."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from testcontainers.core.config import ConnectionMode, testcontainers_config
from tests.support import compose as reading

from quicksync_dev.backends.docker import POSTGRES, RABBITMQ, Container, Image, engine_answers, supplies
from quicksync_dev.backends.external import ExternalServer
from quicksync_dev.backends.select import select
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import ComponentFailed


async def _version(_: web.Request) -> web.Response:
    return web.json_response({"ApiVersion": "1.44", "Version": "25.0", "MinAPIVersion": "1.24"})


async def _ping(_: web.Request) -> web.Response:
    return web.Response(text="OK")


async def _an_image(_: web.Request) -> web.Response:
    return web.json_response({"Id": "sha256:0"})


async def _no_image(_: web.Request) -> web.Response:
    return web.json_response({"message": "No such image"}, status=404)


async def _no_registry(_: web.Request) -> web.Response:
    return web.json_response({"message": "no route to the registry"}, status=500)


@pytest.fixture
async def poor_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A Docker engine that answers but has no image and reaches no registry."""
    app = web.Application()
    app.router.add_get("/version", _version)
    app.router.add_get("/{version}/version", _version)
    app.router.add_get("/{version}/_ping", _ping)
    app.router.add_get("/{version}/images/{name:.*}/json", _no_image)
    app.router.add_get("/{version}/distribution/{name:.*}/json", _no_registry)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "docker.sock")).start()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'docker.sock'}")
    yield
    await runner.cleanup()


@pytest.mark.usefixtures("poor_engine")
async def test_an_engine_without_images_is_skipped(data_dir: DataDir, lines: list[str]) -> None:
    """The selection reports the reason within 5 s and still uses the external server."""
    began = time.monotonic()

    chosen = await select(data_dir, lines.append, None, "amqp://guest:guest@127.0.0.1:1/")

    assert time.monotonic() - began < 5
    assert not isinstance(chosen.postgres, Container)
    assert isinstance(chosen.rabbitmq, ExternalServer)
    assert lines[0].startswith("postgres: Docker is not used, because it has no postgres:17 and cannot fetch it")
    assert lines[1] == "postgres: Docker reports: no route to the registry"


@dataclass
class Asked:
    """The requests that an engine received."""

    volume: dict[str, Any] = field(default_factory=dict)
    container: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
async def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Asked]:
    """The requests to an engine that creates volumes and refuses containers."""
    monkeypatch.setattr(testcontainers_config, "connection_mode_override", ConnectionMode.docker_host)
    made = Asked()

    async def make_volume(request: web.Request) -> web.Response:
        made.volume = await request.json()
        return web.json_response({"Name": made.volume["Name"]}, status=201)

    async def make_container(request: web.Request) -> web.Response:
        made.container = await request.json()
        return web.json_response({"message": "not today"}, status=500)

    app = web.Application()
    app.router.add_get("/version", _version)
    app.router.add_get("/{version}/images/{name:.*}/json", _an_image)
    app.router.add_post("/{version}/volumes/create", make_volume)
    app.router.add_post("/{version}/containers/create", make_container)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "docker.sock")).start()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'docker.sock'}")
    yield made
    await runner.cleanup()


async def test_a_container_is_local_and_named_after_its_system(
    asked: Asked, data_dir: DataDir, lines: list[str]
) -> None:
    """Only this machine reaches the port. The volume's name follows the secrets, and its label names the directory."""
    server = Container(POSTGRES, data_dir, lines.append)

    with pytest.raises(ComponentFailed, match="not today"):
        await server.start()

    host = asked.container["HostConfig"]
    assert [each["HostIp"] for [each] in host["PortBindings"].values()] == ["127.0.0.1"]
    assert asked.volume["Name"] == f"{data_dir.system}-postgres"
    assert [bind.partition(":")[0] for bind in host["Binds"]] == [asked.volume["Name"]]
    ours = {"quicksync.data-dir": str(data_dir.root)}
    assert asked.volume["Labels"] == ours
    assert ours.items() <= asked.container["Labels"].items()


@pytest.mark.parametrize("image", [POSTGRES, RABBITMQ], ids=lambda image: image.name)
async def test_a_container_keeps_its_port_and_data_over_a_kill(
    image: Image, data_dir: DataDir, lines: list[str]
) -> None:
    """The container is gone after a stop. Needs a Docker engine with the image."""
    if not engine_answers() or reading.not_there([image.tag]):
        pytest.skip(f"no Docker engine with {image.tag} answers here; `make test` fetches it where it can")
    assert supplies(image.name, image.tag, lines.append)
    server = Container(image, data_dir, lines.append)
    try:
        await server.start()
        before = server.url
        await server.kill()
        assert not await server.alive()
        await server.start()
        assert server.url == before
        assert await image.answers(server.url)
    finally:
        await server.stop()
        await server.discard()
    assert not await image.answers(before)
