"""After a kill -9 of the launcher no process keeps running, and the next start succeeds."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest
from tests.support.eventually import eventually

from quicksync_dev import process_tree, runtime_state
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import LauncherError
from quicksync_dev.records import Records

LAUNCHER = """
import asyncio, sys
from pathlib import Path
from quicksync_dev.backends import programs
from quicksync_dev.backends.postgres import PrivatePostgres
from quicksync_dev.datadir import DataDir

async def main():
    data_dir = DataDir(Path(sys.argv[1]))
    with data_dir.locked(print):
        server = PrivatePostgres(data_dir, programs.POSTGRES.find(), print)
        await server.start()
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
Find = Callable[[], list[psutil.Process]]


@contextmanager
def launcher(data_dir: DataDir) -> Iterator[subprocess.Popen[str]]:
    """A launcher with a running database, in its own process."""
    command = [sys.executable, "-c", LAUNCHER, str(data_dir.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        assert process.stdout is not None
        while process.stdout.readline() not in {"up\n", ""}:
            continue
        assert process.poll() is None
        try:
            yield process
        finally:
            process.kill()


def _children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return list(psutil.Process(process.pid).children())


async def test_the_watchdog_ends_the_processes_of_a_killed_launcher(data_dir: DataDir, find_processes: Find) -> None:
    """Soon after the kill no process is left, and the directory is unlocked."""
    with launcher(data_dir) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=5)

    await eventually(lambda: find_processes() == [])
    with launcher(data_dir):
        assert data_dir.is_locked()
    await eventually(lambda: find_processes() == [])


async def test_the_next_start_ends_processes_without_a_watchdog(
    data_dir: DataDir, find_processes: Find, lines: list[str]
) -> None:
    """If launcher and watchdog are killed, the next start ends the processes and reports it."""
    with launcher(data_dir) as process:
        watchdog = next(each for each in _children(process) if "quicksync_dev.watchdog" in each.cmdline())
        process_tree.end([watchdog, psutil.Process(process.pid)])
    assert find_processes()

    with data_dir.locked(lines.append):
        assert find_processes() == []

    assert lines == ["ended processes of an earlier run: postgres"]


async def test_a_directory_runs_one_system(data_dir: DataDir, find_processes: Find, lines: list[str]) -> None:
    """A second launcher is refused and leaves the first alone."""
    with launcher(data_dir):
        before = {each.pid for each in find_processes()}

        with pytest.raises(LauncherError, match="a system already runs on"), data_dir.locked(lines.append):
            pass

        assert {each.pid for each in find_processes()} == before
    await eventually(lambda: find_processes() == [])


def test_the_state_of_a_killed_system_is_deleted(data_dir: DataDir, lines: list[str]) -> None:
    """While a system starts, the addresses of the previous one are gone."""
    runtime_state.write(data_dir, {"gateway_url": "http://127.0.0.1:1"})

    with data_dir.locked(lines.append), pytest.raises(LauncherError, match="no system is up"):
        runtime_state.read(data_dir)


def test_a_watchdog_spares_the_next_launcher(data_dir: DataDir) -> None:
    """A late watchdog ignores the records of a newer launcher."""
    records = Records(data_dir.root / "run")
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as component:  # noqa: S607 - present on every machine
        records.add("orders", component.pid)

        records.end_those_of(os.getpid() + 1)
        assert component.poll() is None
        records.end_those_of(os.getpid())
        assert component.wait(timeout=5) == -signal.SIGKILL
    assert records.reap() == []


def test_a_reused_process_id_is_left_alone(data_dir: DataDir) -> None:
    """A process with a recorded id but another start time is not ours."""
    records = Records(data_dir.root / "run")
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:  # noqa: S607 - present on every machine
        records.add("orders", stranger.pid)
        path = data_dir.root / "run" / "orders.json"
        path.write_text(path.read_text().replace('"started": ', '"started": 1'))

        assert records.reap() == []
        assert stranger.poll() is None
        assert not path.exists()
        stranger.kill()
