"""Reserved ports: one holder among all processes, usable by its servers, free again when the holder ends."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from tests.support.eventually import eventually

from quicksync_dev import ports

HOLD = "from quicksync_dev.ports import free_port\nprint(free_port(), flush=True)\ninput()\n"


@pytest.fixture
def other_launcher() -> Iterator[subprocess.Popen[str]]:
    """Another process, which reserves a port, prints it and waits."""
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:  # noqa: S603 - a fixed command
        yield process
        process.kill()


def _port_of(launcher: subprocess.Popen[str]) -> int:
    assert launcher.stdout is not None
    return int(launcher.stdout.readline())


async def test_a_port_of_another_launcher_is_not_chosen(
    other_launcher: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server does not listen yet. After kill -9 of the launcher the port is free."""
    port = _port_of(other_launcher)
    monkeypatch.setattr(ports, "CANDIDATES", range(port, port + 1))

    with pytest.raises(OSError, match="no free port"):
        ports.free_port()

    other_launcher.kill()
    assert await eventually(lambda: ports.reserve(port))


def test_a_port_is_chosen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two components of one process never get the same port."""
    port = ports.free_port()
    monkeypatch.setattr(ports, "CANDIDATES", range(port, port + 1))

    with pytest.raises(OSError, match="no free port"):
        ports.free_port()


def test_a_server_listens_on_a_reserved_port_again_and_again() -> None:
    """A restarted server gets its port back, while no other launcher can reserve it."""
    port = ports.free_port()

    for _ in range(2):
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            assert not ports.is_free(port)
        assert ports.is_free(port)
        assert not ports.reserve(port)


def test_a_process_keeps_a_bounded_number_of_reservations() -> None:
    """The oldest reservations end first, so that a test process does not run out of file descriptors."""
    this = psutil.Process()
    before = this.num_fds()

    for _ in range(ports.MOST_RESERVED + 50):
        ports.free_port()

    assert this.num_fds() <= before + ports.MOST_RESERVED
