"""The system in containers: built, started and played on, where a Docker engine has what they are built from."""

import asyncio
import os
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import pytest
from tests.support import compose as reading
from tests.support.eventually import eventually

from quicksync_dev import compose, identity, runtime_state
from quicksync_dev.backends.docker import engine_answers
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir
from quicksync_dev.demo.play import play
from quicksync_dev.ports import free_port

BUILD_SECONDS = 900
READY_WITHIN = 120

pytestmark = pytest.mark.timeout(BUILD_SECONDS + READY_WITHIN + 180)


@dataclass(frozen=True)
class Composed:
    """The system as a project of its own on the engine."""

    words: list[str]
    project: str
    data_dir: DataDir
    ports: compose.Ports

    @property
    def env(self) -> dict[str, Any]:
        """What `quicksync env` prints."""
        return runtime_state.public(compose.runtime_state(self.ports), identity.of(self.data_dir))

    async def inside(self, service: str, line: str) -> str:
        """What a shell in the service's container says to this line."""
        return (await self.run("exec", "-T", service, "sh", "-c", line)).strip()

    async def run(self, *more: str) -> str:
        """What compose said, told to do this."""
        project = ["--project-name", self.project, "--env-file", str(self.data_dir.path("env"))]
        words = [*self.words, *project, *more]
        process = await asyncio.create_subprocess_exec(*words, cwd=reading.ROOT, stdout=PIPE, stderr=STDOUT)
        said, _ = await asyncio.wait_for(process.communicate(), BUILD_SECONDS)
        assert process.returncode == 0, said.decode()[-3000:]
        return said.decode()


@pytest.fixture(scope="module")
async def composed() -> AsyncIterator[Composed]:
    """Built and up on ports of its own, and gone afterwards with its volumes."""
    words = _compose_or_skip()
    with tempfile.TemporaryDirectory(prefix="quicksync-compose-") as folder:
        data_dir, ports = DataDir(Path(folder)), compose.Ports(free_port(), free_port(), free_port())
        data_dir.path("env").write_text(compose.dotenv(compose.variables(data_dir, ports, sandbox=True)))
        system = Composed(words, f"quicksync-{uuid4().hex[:8]}", data_dir, ports)
        try:
            await system.run("up", "--detach", "--build")
            yield system
        finally:
            await system.run("down", "--volumes", "--remove-orphans", "--timeout", "5")


def _compose_or_skip() -> list[str]:
    """The words that run compose; skips, saying why, where the system cannot be built."""
    words = reading.command()
    if words is None:
        pytest.skip("neither `docker compose` nor docker-compose is on this machine")
    if not engine_answers():
        pytest.skip(f"no Docker engine answers at {os.environ.get('DOCKER_HOST', 'its usual place')}")
    if missing := reading.not_there(reading.foundations()):
        pytest.skip(f"the Docker engine has no {', '.join(missing)}; `make test` fetches them where it can")
    return words


async def test_each_container_gets_well(composed: Composed) -> None:
    """The jobs end well, and the health check of all others finds them healthy."""
    jobs = [f"{service}-migrate" for service in SERVICES]
    healthy = sorted(set(reading.described()) - set(jobs))

    async def well() -> bool:
        states = await asyncio.to_thread(_states, composed)
        assert states == dict.fromkeys(healthy, "healthy") | dict.fromkeys(jobs, "exited 0")

        return True

    await eventually(well, within=READY_WITHIN)


async def test_a_service_has_neither_rights_nor_other_services(composed: Composed) -> None:
    """In its container it is nobody, can write nowhere but /tmp, and finds of ours only itself and common."""
    for service in SERVICES:
        assert await composed.inside(service, "id -u") == "10001"
        assert "Read-only file system" in await composed.inside(service, "touch /app/here /etc/here 2>&1 || true")
        listed = await composed.inside(service, "cd /app/lib/python3*/site-packages && ls -d quicksync_*")
        assert {each.partition("-")[0] for each in listed.split()} == {"quicksync_common", f"quicksync_{service}"}


async def test_the_database_takes_text_of_any_language(composed: Composed) -> None:
    """Whatever the image's own locale is."""
    asked = "psql -U postgres -d quicksync -Atc 'SHOW server_encoding'"
    assert await composed.inside("postgres", asked) == "UTF8"


async def test_the_story_holds_in_containers(composed: Composed) -> None:
    """Each step of the demo holds through the gateway."""
    said: list[str] = []
    await play(composed.env, said.append)

    assert said[-1].startswith("\nall ")


def _states(composed: Composed) -> dict[str, str]:
    """How each container of the project is: its health, or how it ended."""
    engine = docker.from_env(timeout=20)
    try:
        found = engine.containers.list(all=True, filters={"label": f"com.docker.compose.project={composed.project}"})
        return {each.labels["com.docker.compose.service"]: _state(each.attrs["State"]) for each in found}
    finally:
        engine.close()


def _state(told: dict[str, Any]) -> str:
    return f"exited {told['ExitCode']}" if told["Status"] == "exited" else str(told["Health"]["Status"])
