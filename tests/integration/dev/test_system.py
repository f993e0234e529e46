"""The whole composition with stub services, and the `quicksync` command on it."""

import asyncio
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import aio_pika
import aiohttp
import asyncpg
import psutil
import pytest
from aio_pika.abc import AbstractConnection
from tests.support import forks
from tests.support.eventually import eventually

from common.http.auth import Keys
from quicksync_dev import bus
from quicksync_dev.__main__ import clover_urls
from quicksync_dev.backends.select import select
from quicksync_dev.backends.server import postgres_answers
from quicksync_dev.commands import Process, Spawn, Word
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir
from quicksync_dev.environment import REGIONS
from quicksync_dev.errors import ComponentFailed, LauncherError
from quicksync_dev.ports import free_port
from quicksync_dev.system import Options, System

STUB = Path(__file__).parents[2] / "support" / "stubs" / "component.py"
Find = Callable[[], list[psutil.Process]]

STARTS_WITHIN, STOPS_WITHIN = 60, 45
"""Seconds that a slow machine needs, on which every core is busy; less than a minute's migration."""


def stubbed(stub: Path) -> Spawn:
    """Run the stub instead of a service or the sandbox."""

    def spawn(command: Sequence[Word], /, **options: Any) -> Process:
        words = command if "quicksync_dev.mail" in command else [sys.executable, stub, *command[2:]]
        return forks.fork(words, **options)

    return spawn


@pytest.fixture
async def options(data_dir: DataDir, postgres_dsn: str, amqp_url: str) -> AsyncIterator[Options]:
    """Options with stubs for services and sandbox, on shared servers."""
    await asyncio.to_thread(forks.prepare)
    yield Options(postgres_dsn=postgres_dsn, amqp_url=amqp_url, spawn=stubbed(STUB))
    used = await select(data_dir, print, postgres_dsn, amqp_url)
    await used.discard()


@pytest.fixture
async def system(data_dir: DataDir, options: Options, lines: list[str]) -> AsyncIterator[System]:
    async with System(data_dir.root, options, lines.append) as running:
        yield running


async def _get(url: str) -> Any:
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
        return await answer.json(content_type=None) if answer.ok else answer.status


async def test_the_system_starts_and_reports_its_addresses(system: System, lines: list[str]) -> None:
    """The JSON has exactly the documented names, the gateway routes, and progress is reported."""
    env = system.env()

    assert set(env) == {
        "gateway_url", "dashboard_url", "token", "webhook_url", "webhook_secret", "clover_url", "smtp_url",
        "mail_url", "postgres_dsn", "amqp_url", "services",
    }  # fmt: skip
    assert set(env["services"]) == set(SERVICES)
    assert (await _get(f"{env['gateway_url']}/v1/merchants"))["service"] == "catalog"
    assert await _get(f"{env['clover_url']}/_sandbox") == {"status": "ready"}
    assert lines[-1].startswith("everything is up in ")


async def test_a_service_gets_only_the_variables_it_needs(system: System) -> None:
    """Each service has its own role, only sealing services have the master key, and all accept the token."""
    services = system.env()["services"]
    got = {name: await _get(f"{services[name]['url']}/_variables") for name in SERVICES}

    assert [name for name in SERVICES if "QS_MASTER_KEYS" in got[name]] == ["catalog", "orders", "notifier"]
    assert [name for name in SERVICES if "QS_SMTP_URL" in got[name]] == ["notifier"]
    assert len({variables["QS_POSTGRES_DSN"] for variables in got.values()}) == len(SERVICES)
    keys = Keys([got["orders"]["QS_JWT_PUBLIC_KEYS"]], [], audience="orders")
    assert keys.bearer(f"Bearer {system.env()['token']}").allows("orders:write")


async def test_a_dead_service_is_restarted_and_reported(system: System, lines: list[str]) -> None:
    """The service returns on the same port, and the JSON has its new process id."""
    before = system.env()["services"]["orders"]
    psutil.Process(before["pid"]).kill()

    after = await eventually(lambda: _changed(system, before["pid"]))

    assert after["url"] == before["url"]
    assert any(line.startswith("orders: died") for line in lines)
    await eventually(lambda: "orders: restarted" in lines)


def _changed(system: System, pid: int) -> Any:
    now = system.env()["services"]["orders"]
    return now if now["pid"] not in {pid, None} else None


async def test_a_killed_component_stays_down_until_restart(system: System) -> None:
    """The supervisor does not restart a component that a test killed."""
    url = f"{system.env()['gateway_url']}/v1/merchants/M/stock"

    await system.kill("inventory")
    assert await _get(url) == 502
    await system.restart("inventory")

    assert (await _get(url))["service"] == "inventory"


async def test_a_stop_leaves_no_process_and_no_state(
    data_dir: DataDir, options: Options, lines: list[str], find_processes: Find
) -> None:
    """The same directory starts again with the same keys."""
    async with System(data_dir.root, options, lines.append) as first:
        secret = first.env()["webhook_secret"]
    assert find_processes() == []
    assert not (data_dir.root / "system.json").exists()

    async with System(data_dir.root, options, lines.append) as second:
        assert second.env()["webhook_secret"] == secret


async def test_a_failed_start_shows_the_log_and_stops_the_rest(
    data_dir: DataDir, options: Options, lines: list[str], find_processes: Find, tmp_path: Path
) -> None:
    """The error names the component and has its log lines."""
    broken = tmp_path / "broken.py"
    refusal = "import sys\nif sys.argv[1:] == ['orders']:\n    sys.exit('no such luck')\n"
    broken.write_text(refusal + STUB.read_text())
    failing = dataclasses.replace(options, spawn=stubbed(broken))

    with pytest.raises(ComponentFailed, match=r"orders: ended with code 1(?s:.*)orders \| no such luck"):
        async with System(data_dir.root, failing, lines.append):
            pass

    assert find_processes() == []


TAKES_THE_PORT = """
import os, pathlib, socket, sys
taken = pathlib.Path(__file__).with_name("taken")
if sys.argv[1:] == ["orders"] and not taken.exists():
    taken.write_text(os.environ["QS_PORT"])
    foreign = socket.create_server(("127.0.0.1", int(os.environ["QS_PORT"])))
"""


async def test_a_taken_port_is_replaced_by_another(
    data_dir: DataDir, options: Options, lines: list[str], tmp_path: Path
) -> None:
    """Another program listens on the port of orders before orders does: the system starts on other ports."""
    stub = tmp_path / "stub.py"
    stub.write_text(TAKES_THE_PORT + STUB.read_text())

    async with System(data_dir.root, dataclasses.replace(options, spawn=stubbed(stub)), lines.append) as system:
        url = system.env()["services"]["orders"]["url"]
        assert await _get(f"{url}/readyz") == {"status": "ready"}

    assert url.rpartition(":")[2] != (tmp_path / "taken").read_text()
    assert "orders: another program took its port; starting again on other ports" in lines


async def test_a_given_port_that_is_taken_is_an_error(data_dir: DataDir, options: Options, lines: list[str]) -> None:
    """The usual port is only a preference: while another program uses it, the gateway has another."""
    with socket.create_server(("127.0.0.1", free_port())) as foreign:
        port = foreign.getsockname()[1]
        with pytest.raises(LauncherError, match=f"port {port} is in use; give another --gateway-port"):
            async with System(data_dir.root, dataclasses.replace(options, gateway_port=port), lines.append):
                pass
        async with System(data_dir.root, dataclasses.replace(options, usual_gateway_port=port), lines.append) as system:
            assert (await _get(f"{system.env()['gateway_url']}/v1/merchants"))["service"] == "catalog"


async def test_external_clovers_replace_the_sandbox(data_dir: DataDir, options: Options, lines: list[str]) -> None:
    """Each region uses its own address, and no sandbox starts."""
    urls = {"us": "https://clover.example", "eu": "https://eu.clover.example"}
    given = dataclasses.replace(options, clover_urls=urls)

    async with System(data_dir.root, given, lines.append) as system:
        assert json.loads((await _variables(system))["QS_CLOVER_BASE_URLS"]) == urls
        assert "sandbox" not in system.components
        assert system.env()["clover_url"] == urls["us"]


def test_clover_addresses_come_from_the_option_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The option sets one address for all regions, the environment one per region. Without both the sandbox runs."""
    assert clover_urls(None) == {}
    monkeypatch.setenv("QS_CLOVER_BASE_URLS", '{"us": "https://us"}')
    assert clover_urls(None) == {"us": "https://us"}
    assert clover_urls("http://one/") == dict.fromkeys(REGIONS, "http://one")
    monkeypatch.setenv("QS_CLOVER_BASE_URLS", "https://us")
    with pytest.raises(LauncherError, match="QS_CLOVER_BASE_URLS"):
        clover_urls(None)


async def test_two_systems_share_external_servers(
    system: System, options: Options, lines: list[str], tmp_path: Path
) -> None:
    """Each system has its own ports, database, roles and broker names."""
    first = await _variables(system)
    second = System(tmp_path / "second", options, lines.append)
    try:
        async with second:
            assert second.env()["gateway_url"] != system.env()["gateway_url"]
            assert (await _get(f"{second.env()['gateway_url']}/v1/merchants"))["service"] == "catalog"
            assert (await _variables(second))["QS_BUS_NAMESPACE"] != first["QS_BUS_NAMESPACE"]
        assert await postgres_answers(first["QS_POSTGRES_DSN"])
    finally:
        await second.discard()


async def test_discard_leaves_nothing_on_external_servers(
    data_dir: DataDir, options: Options, lines: list[str], postgres_dsn: str, amqp_url: str
) -> None:
    """No database, role, exchange or queue is left."""
    async with System(data_dir.root, options, lines.append) as system:
        names = bus.topology(data_dir.system)
        async with await aio_pika.connect(amqp_url, timeout=10) as broker:
            await names.declare_queue(await broker.channel(), "orders", ["any"])

    await system.discard()

    assert not data_dir.root.exists()
    admin = await asyncpg.connect(postgres_dsn, timeout=5)
    left = "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles"
    named = [row[0] for row in await admin.fetch(left) if names.namespace.rstrip(".") in row[0]]
    await admin.close()
    assert named == []
    async with await aio_pika.connect(amqp_url, timeout=10) as broker:
        for gone in (names.queue("orders"), names.exchange):
            assert not await _is_on(broker, gone)


async def _is_on(broker: AbstractConnection, name: str) -> bool:
    """Return whether a queue or an exchange has this name."""
    for look in ("get_queue", "get_exchange"):
        channel = await broker.channel()
        try:
            await getattr(channel, look)(name)
        except aio_pika.exceptions.ChannelNotFoundEntity:
            continue
        return True
    return False


async def _variables(system: System) -> dict[str, str]:
    """Return the environment of one service."""
    return dict(await _get(f"{system.env()['services']['orders']['url']}/_variables"))


async def test_the_command_works_on_a_running_system(system: System) -> None:
    """`env`, `login`, `token` and `mail` run from another shell."""
    env = json.loads(await _quicksync("env", system))
    token = (await _quicksync("token", system, "--scope", "stock:write", "--merchants", "A,B")).strip()
    mails = await _quicksync("mail", system)
    place, _, login = (await _quicksync("login", system)).strip().partition("?token=")

    assert env["services"] == system.env()["services"]
    claims = Keys([system.identity.public_key], [], audience="x").bearer(f"Bearer {token}")
    assert claims.scopes == {"stock:write"}
    assert claims.merchants == {"A", "B"}
    assert mails == "0 e-mails\n"
    assert place == f"{env['gateway_url']}/dashboard/login"
    assert Keys([system.identity.public_key], [], audience="x").bearer(f"Bearer {login}").allows("problems:read")


async def _quicksync(command: str, system: System, *more: str) -> str:
    words = ["-m", "quicksync_dev", command, "--data-dir", str(system.data_dir.root), *more]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_env_without_a_system_is_an_error(data_dir: DataDir) -> None:
    """The message names the command that starts a system, without a traceback."""
    words = ["-m", "quicksync_dev", "env", "--data-dir", str(data_dir.root)]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stderr=subprocess.PIPE)
    _, error = await process.communicate()

    assert process.returncode == 1
    assert error.decode() == f"Error: no system is up on {data_dir.root}; start one with `quicksync up`\n"


async def test_an_unusable_directory_is_named(tmp_path: Path) -> None:
    """The message has no traceback."""
    (tmp_path / "file").touch()
    words = ["-m", "quicksync_dev", "up", "--data-dir", str(tmp_path / "file" / "below")]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stderr=subprocess.PIPE)
    _, error = await process.communicate()

    assert error.decode() == f"Error: {tmp_path / 'file' / 'below'}: Not a directory\n"


SLOW_MIGRATION = """
import pathlib, sys, time
if sys.argv[2:] == ["migrate"]:
    pathlib.Path(__file__).with_name("migrating").touch()
    time.sleep(60)
"""


async def test_a_stop_does_not_wait_for_migrations(
    data_dir: DataDir, options: Options, lines: list[str], find_processes: Find, tmp_path: Path
) -> None:
    """On a slow machine they take half a minute; cancelled ones are rolled back and run at the next start."""
    stub = tmp_path / "stub.py"
    stub.write_text(SLOW_MIGRATION + STUB.read_text())
    slow = dataclasses.replace(options, spawn=stubbed(stub))

    async def start() -> None:
        async with System(data_dir.root, slow, lines.append):
            pass

    starting = asyncio.create_task(start())
    await eventually((tmp_path / "migrating").exists, STARTS_WITHIN)
    starting.cancel()
    _, pending = await asyncio.wait([starting], timeout=STOPS_WITHIN)

    assert not pending
    assert find_processes() == []


async def test_a_signal_during_the_start_stops_everything(data_dir: DataDir, find_processes: Find) -> None:
    """All started components end, and the command too, within the time limit."""
    words = ["-m", "quicksync_dev", "up", "--data-dir", str(data_dir.root), "--clover-url", "http://127.0.0.1:1"]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=subprocess.PIPE)
    await eventually(lambda: any((data_dir.root / "run").glob("mail.json")), STARTS_WITHIN)

    process.send_signal(signal.SIGTERM)
    output, _ = await asyncio.wait_for(process.communicate(), STOPS_WITHIN)

    assert output.decode().splitlines()[-1] == "stopped"
    assert find_processes() == []
    used = await select(data_dir, print, os.environ.get("QS_POSTGRES_DSN"), os.environ.get("QS_AMQP_URL"))
    await used.discard()


async def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, postgres_dsn: str, amqp_url: str) -> None:
    """Processes and temporary directory are gone, and the exit code reports a failure."""
    surroundings = {"TMPDIR": str(tmp_path), "QS_POSTGRES_DSN": postgres_dsn, "QS_AMQP_URL": amqp_url}
    words = ["-m", "quicksync_dev", "demo"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        env=os.environ | surroundings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests may run under nohup
    )
    await eventually(lambda: any(tmp_path.glob("*/run/mail.json")), STARTS_WITHIN)

    process.send_signal(signal.SIGHUP)
    _, error = await asyncio.wait_for(process.communicate(), STOPS_WITHIN)

    assert (process.returncode, error) == (1, b"Aborted!\n")
    await eventually(lambda: not any(tmp_path.iterdir()))


async def test_a_demo_on_a_locked_directory_changes_nothing(system: System) -> None:
    """The demo is refused, and the running system keeps all its files."""
    before = sorted((system.data_dir.root / "secrets").iterdir())
    words = ["-m", "quicksync_dev", "demo", "--data-dir", str(system.data_dir.root)]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stderr=subprocess.PIPE)
    _, error = await process.communicate()

    assert b"a system already runs on" in error
    assert sorted((system.data_dir.root / "secrets").iterdir()) == before
