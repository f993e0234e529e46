"""Each service as it is shipped: its own and the common wheel in a new environment outside this workspace."""

import asyncio
import re
import sys
import sysconfig
import tempfile
import venv
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import aiohttp
import asyncpg
import pytest
from tests.support.database import fresh_database
from tests.support.eventually import eventually

from common.bus.topology import Topology
from quicksync_dev import environment, identity
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir
from quicksync_dev.environment import Addresses
from quicksync_dev.ports import free_port

ROOT = Path(__file__).parents[2]
PIP = ("-m", "pip", "--disable-pip-version-check")
INSTALL = ("install", "--quiet", "--no-compile", "--no-deps")
REQUIREMENT = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+).*(?:\n    --hash.*)+", re.MULTILINE)
"""A package in a lock, with its hashes."""
INSTALL_SECONDS = 240
STARTS_WITHIN = 30
STOPS_WITHIN = 20

pytestmark = pytest.mark.timeout(INSTALL_SECONDS + 60)
each_service = pytest.mark.parametrize("name", SERVICES)

Environment = dict[str, str]


@pytest.fixture(scope="session")
async def installed() -> AsyncIterator[dict[str, Path]]:
    """An environment per service with its two wheels and the locked packages."""
    with tempfile.TemporaryDirectory(prefix="quicksync-wheels-") as folder:
        shelf, *places = (Path(folder, name) for name in ("shelf", *SERVICES))
        yield await _installed(shelf, dict(zip(SERVICES, places, strict=True)))


async def _installed(shelf: Path, places: dict[str, Path]) -> dict[str, Path]:
    async with asyncio.timeout(INSTALL_SECONDS):
        await _build_wheels(shelf)
        async with asyncio.TaskGroup() as then:
            for name, place in places.items():
                then.create_task(_install_service(name, place, shelf))
    return places


async def _build_wheels(shelf: Path) -> None:
    sources = [ROOT / "libs" / "common", *(ROOT / "services" / name for name in SERVICES)]
    await _run(sys.executable, *PIP, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", shelf, *sources)


async def _install_service(name: str, place: Path, shelf: Path) -> None:
    await asyncio.to_thread(venv.create, place)
    for locked, version in [*_locked(), ("pip", metadata.version("pip"))]:
        await asyncio.to_thread(_link, locked, version, _packages(place))
    version = metadata.version("quicksync-common")
    wheels = [shelf / f"quicksync_{each}-{version}-py3-none-any.whl" for each in ("common", name)]
    await _run(_python(place), *PIP, *INSTALL, *wheels)


def _locked() -> list[tuple[str, str]]:
    """Return name and version of each package that services run with."""
    return [(found["name"], found["version"]) for found in REQUIREMENT.finditer(_lock("runtime"))]


def _lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def _link(name: str, version: str, place: Path) -> None:
    """Show a package of our own environment in this place, too: it is installed from the lock, and compiled."""
    package = metadata.distribution(name)
    assert package.version == version
    for part in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
        (place / part).symlink_to(str(package.locate_file(part)))


def _python(place: Path) -> Path:
    return place / "bin" / "python"


def _packages(place: Path) -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(place)}))


@pytest.fixture
async def variables(name: str, postgres_dsn: str, amqp_url: str, tmp_path: Path) -> AsyncIterator[Environment]:
    """The environment variables of the service, with an empty schema and a new namespace on the broker."""
    bus = Topology(f"{uuid4().hex[:12]}.")
    async with fresh_database(postgres_dsn) as dsn:
        connection = await asyncpg.connect(dsn, timeout=10)
        await connection.execute(f'CREATE SCHEMA "{name}"')
        await connection.close()
        nowhere = "http://127.0.0.1:1"
        ports = dict.fromkeys(SERVICES, free_port())
        clover, smtp = {"us": nowhere}, "smtp://127.0.0.1:1"
        addresses = Addresses(ports, {name: dsn}, amqp_url, clover, smtp, nowhere, bus.namespace)
        yield environment.of_service(name, addresses, identity.of(DataDir(tmp_path)))
    async with await aio_pika.connect(amqp_url, timeout=10) as broker:
        channel = await broker.channel()
        for each in SERVICES:
            await channel.queue_delete(bus.queue(each))
            await channel.exchange_delete(bus.settled_mark(each))
        await channel.exchange_delete(bus.exchange)


def test_the_tests_run_with_the_packages_that_services_run_with() -> None:
    """Our own environment is installed with the same hashes."""
    ours = {found[0] for found in REQUIREMENT.finditer(_lock("dev"))}

    assert {found[0] for found in REQUIREMENT.finditer(_lock("runtime"))} <= ours


@each_service
async def test_a_wheel_has_all_its_requirements_and_no_other_service(installed: dict[str, Path], name: str) -> None:
    """The lock meets every requirement, and of our packages only common and the service are installed."""
    assert "No broken requirements" in await _run(_python(installed[name]), *PIP, "check")

    found = metadata.distributions(path=[str(_packages(installed[name]))])
    ours = {each.name for each in found if each.name.startswith("quicksync-")}
    assert ours == {"quicksync-common", f"quicksync-{name}"}


@each_service
async def test_a_service_migrates_starts_answers_and_stops(
    installed: dict[str, Path], name: str, variables: Environment, tmp_path: Path
) -> None:
    """Installed from its wheels alone, it migrates an empty schema, becomes ready, and exits with 0 on SIGTERM."""
    command = installed[name] / "bin" / f"quicksync-{name}"
    await _run(command, "migrate", env=variables, cwd=tmp_path)

    async with _serving(command, variables, tmp_path) as (process, url):
        assert await eventually(lambda: _ask(f"{url}/healthz"), within=STARTS_WITHIN) == {"status": "alive"}
        assert (await eventually(lambda: _ask(f"{url}/readyz"), within=STARTS_WITHIN))["status"] == "ready"
        process.terminate()
        assert await asyncio.wait_for(process.wait(), STOPS_WITHIN) == 0


@asynccontextmanager
async def _serving(command: Path, env: Environment, folder: Path) -> AsyncIterator[tuple[Process, str]]:
    """Run the service as a process, killed at the end if need be; yield the process and its address."""
    log = folder / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(command, env=env, cwd=folder, stdout=output, stderr=STDOUT)
    try:
        yield process, f"http://127.0.0.1:{env['QS_PORT']}"
    except AssertionError as failure:
        failure.add_note(log.read_text()[-2000:])
        raise
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _ask(url: str) -> Any:
    """Return the JSON of a successful answer, else None."""
    timeout = aiohttp.ClientTimeout(total=3)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return await answer.json() if answer.ok else None
    except (aiohttp.ClientError, TimeoutError):
        return None


async def _run(*command: str | Path, env: Environment | None = None, cwd: Path | None = None) -> str:
    """Run a program that must succeed; return its output."""
    process = await asyncio.create_subprocess_exec(*command, env=env, cwd=cwd, stdout=PIPE, stderr=STDOUT)
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-2000:]
    return output.decode()
