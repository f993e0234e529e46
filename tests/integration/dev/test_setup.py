"""tools/setup installs the missing packages, or names the command that does."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[3] / "tools" / "setup"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a current .venv, a launcher that misses two packages, and an apt-get that only keeps a record."""
    for folder in ("tools", "requirements", "libs/one", "services/one", ".venv/bin", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    for path in ("requirements/dev.txt", "libs/one/pyproject.toml", "services/one/pyproject.toml"):
        (tmp_path / path).touch()
    (tmp_path / "tools/setup").write_bytes(SETUP.read_bytes())
    (tmp_path / ".venv/.built-from").write_text(f"{hashlib.sha256().hexdigest()}  -\n")
    _script(tmp_path / ".venv/bin/python", "printf 'nginx-light\\npostgresql\\n'")
    _script(tmp_path / "bin/apt-get", f'echo "$@" >>{tmp_path}/apt.log; test ! -e {tmp_path}/no-network')
    _script(tmp_path / "bin/update-rc.d", "true")
    return tmp_path


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def _setup(checkout: Path, *components: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PATH": f"{checkout / 'bin'}:{os.environ['PATH']}"}
    command = ["bash", "tools/setup", *components]
    return subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_missing_servers_are_installed_in_one_go(checkout: Path) -> None:
    """One update and one install cover all missing packages."""
    done = _setup(checkout, "servers")

    assert done.returncode == 0, done.stderr
    update, install = (checkout / "apt.log").read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("--no-upgrade nginx-light postgresql")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_a_failed_installation_fails_the_setup(checkout: Path) -> None:
    """The message names the apt-get command that failed."""
    (checkout / "no-network").touch()
    done = _setup(checkout, "servers")

    assert done.returncode != 0
    assert "apt-get update failed" in done.stderr


def test_a_user_without_rights_reads_the_command_to_run(checkout: Path) -> None:
    """Nothing is installed and the message names the packages."""
    _script(checkout / "bin/id", "echo 1000")
    done = _setup(checkout, "servers")

    assert done.returncode == 1
    assert "missing: nginx-light postgresql. Run `tools/setup servers` as root on Debian" in done.stderr
    assert not (checkout / "apt.log").exists()


def test_an_unknown_component_is_refused(checkout: Path) -> None:
    """The message lists the known components."""
    done = _setup(checkout, "printer")

    assert (done.returncode, done.stderr) == (1, "unknown component printer; there are: servers, browser, curl\n")
