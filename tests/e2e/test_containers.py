"""The system in containers: built, started and tested, if a Docker engine has the base images."""

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
    """The system as a compose project of its own."""

    command: list[str]
    project: str
    data_dir: DataDir
    ports: compose.Ports

    @property
    def env(self) -> dict[str, Any]:
        """The values that `quicksync env` prints."""
        return runtime_state.public(compose.runtime_state(self.ports), identity.of(self.data_dir))

    async def inside(self, service: str, line: str) -> str:
        """Run this line in a shell of the service's container; return its output."""
        return (await self.run("exec", "-T", service, "sh", "-c", line)).strip()

    async def run(self, *arguments: str) -> str:
        """Run compose with these arguments; return its output."""
        project = ["--project-name", self.project, "--env-file", str(self.data_dir.path("env"))]
        command = [*self.command, *project, *arguments]
        process = await asyncio.create_subprocess_exec(*command, cwd=reading.ROOT, stdout=PIPE, stderr=STDOUT)
        output, _ = await asyncio.wait_for(process.communicate(), BUILD_SECONDS)
        assert process.returncode == 0, output.decode()[-3000:]
        return output.decode()


@pytest.fixture(scope="module")
async def composed() -> AsyncIterator[Composed]:
    """Build and start the project on free ports, and remove it with its volumes afterwards."""
    command = _compose_or_skip()
    with tempfile.TemporaryDirectory(prefix="quicksync-compose-") as folder:
        data_dir, ports = DataDir(Path(folder)), compose.Ports(free_port(), free_port(), free_port())
        data_dir.path("env").write_text(compose.dotenv(compose.variables(data_dir, ports, sandbox=True)))
        system = Composed(command, f"quicksync-{uuid4().hex[:8]}", data_dir, ports)
        try:
            await system.run("up", "--detach", "--build")
            yield system
        finally:
            await system.run("down", "--volumes", "--remove-orphans", "--timeout", "5")


def _compose_or_skip() -> list[str]:
    """Return the command of compose. Skips with a reason if the system cannot be built."""
    command = reading.command()
    if command is None:
        pytest.skip("neither `docker compose` nor docker-compose is on this machine")
    if not engine_answers():
        pytest.skip(f"no Docker engine answers at {os.environ.get('DOCKER_HOST', 'its usual place')}")
    if missing := reading.not_there(reading.foundations()):
        pytest.skip(f"the Docker engine has no {', '.join(missing)}; `make test` fetches them where it can")
    return command


async def test_every_container_becomes_healthy(composed: Composed) -> None:
    """The migration jobs exit with 0, and all other containers pass their health checks."""
    jobs = [f"{service}-migrate" for service in SERVICES]
    healthy = sorted(set(reading.described()) - set(jobs))

    async def is_healthy() -> bool:
        states = await asyncio.to_thread(_states, composed)
        assert states == dict.fromkeys(healthy, "healthy") | dict.fromkeys(jobs, "exited 0")

        return True

    await eventually(is_healthy, within=READY_WITHIN)


async def test_a_service_is_unprivileged_and_contains_no_other_service(composed: Composed) -> None:
    """It runs as an unprivileged user, writes only to /tmp, and has only its own and the common package."""
    for service in SERVICES:
        assert await composed.inside(service, "id -u") == "10001"
        assert "Read-only file system" in await composed.inside(service, "touch /app/here /etc/here 2>&1 || true")
        listed = await composed.inside(service, "cd /app/lib/python3*/site-packages && ls -d quicksync_*")
        assert {each.partition("-")[0] for each in listed.split()} == {"quicksync_common", f"quicksync_{service}"}


async def test_the_database_takes_text_of_any_language(composed: Composed) -> None:
    """The encoding is UTF-8, independent of the locale of the image."""
    asked = "psql -U postgres -d quicksync -Atc 'SHOW server_encoding'"
    assert await composed.inside("postgres", asked) == "UTF8"


async def test_the_story_holds_in_containers(composed: Composed) -> None:
    """Each step of the demo holds through the gateway of the containers."""
    lines: list[str] = []
    await play(composed.env, lines.append)

    assert lines[-1].startswith("\nall ")


def _states(composed: Composed) -> dict[str, str]:
    """Return the health or the exit code of each container of the project."""
    engine = docker.from_env(timeout=20)
    try:
        found = engine.containers.list(all=True, filters={"label": f"com.docker.compose.project={composed.project}"})
        return {each.labels["com.docker.compose.service"]: _state(each.attrs["State"]) for each in found}
    finally:
        engine.close()


def _state(state: dict[str, Any]) -> str:
    return f"exited {state['ExitCode']}" if state["Status"] == "exited" else str(state["Health"]["Status"])
