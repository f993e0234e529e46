"""The programs of this machine: where they are, and their packages installed when they are missing."""

import asyncio
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quicksync_dev import commands
from quicksync_dev.errors import NoBackend
from quicksync_dev.say import Say, stopwatch

POLICY = Path("/usr/sbin/policy-rc.d")
OURS = "#!/bin/sh\n# made by quicksync while it installs packages; of no use afterwards\nexit 101\n"
FORBIDDEN = 101
INSTALL_SECONDS = 900
OTHERS_SECONDS = 300
"""Seconds another may use apt before us, as Debian's daily upgrade does."""

LOCK = Path("/run/quicksync-installs")


@dataclass(frozen=True)
class Program:
    """A program, the Debian package that has it, that package's own service when it has one, and what else would do."""

    name: str
    package: str
    service: str | None
    find: Callable[[], Path | None]
    otherwise: str = ""


def _newest_postgres() -> Path | None:
    """The folder of PostgreSQL's server programs; Debian keeps one for each version, none of them on the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda found: int(found.parts[-3]))
    on_path = _on_path("initdb")
    found = versions[-1] if versions else on_path and on_path.resolve()
    return found.parent if found else None


def _rabbitmq_server() -> Path | None:
    """The start script itself; Debian's wrapper on the path would insist on the system's own user."""
    script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return script if script.exists() else _on_path("rabbitmq-server")


def _on_path(name: str) -> Path | None:
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
    return Path(found) if found else None


POSTGRES = Program(
    "PostgreSQL", "postgresql", "postgresql", _newest_postgres, "start Docker or give --postgres-dsn in its place"
)
RABBITMQ = Program(
    "RabbitMQ", "rabbitmq-server", "rabbitmq-server", _rabbitmq_server, "start Docker or give --amqp-url in its place"
)
EPMD = Program("epmd", "rabbitmq-server", "rabbitmq-server", lambda: _on_path("epmd"))
NGINX = Program("nginx", "nginx-light", "nginx", lambda: _on_path("nginx"))


async def ensure(programs: Sequence[Program], say: Say) -> list[Path]:
    """Where the programs are, the missing ones installed first. Raises NoBackend when that cannot be done."""
    if missing := [program for program in programs if program.find() is None]:
        await asyncio.to_thread(_install, missing, say)
    return [_found(program) for program in programs]


def _found(program: Program) -> Path:
    path = program.find()
    if path is None:
        raise NoBackend(f"{program.name}: the package {program.package} is installed but has no such program")
    return path


def _install(missing: Sequence[Program], say: Say) -> None:
    packages = sorted({program.package for program in missing})
    what = " ".join(packages)
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        told = [f"{each.name}: {each.otherwise}" for each in missing if each.otherwise]
        raise NoBackend(
            f"{', '.join(program.name for program in missing)}: not on this machine, and only root on Debian can "
            f"install it here. Run `apt-get install {what}` as root" + "".join(f"\n  or for {each}" for each in told)
        )
    took = stopwatch()
    say(f"packages: installing {what} (their own services are not started)")
    with _alone(), _no_services():
        _apt(apt, "update", "-qq")
        _apt(apt, "install", "-y", "-qq", "--no-install-recommends", "--no-upgrade", *packages)
    for service in sorted({program.service for program in missing if program.service}):
        commands.run(["update-rc.d", service, "disable"], seconds=60)
    say(f"packages: {what} installed in {took()}")


def _apt(apt: str, *arguments: str) -> None:
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    waits = ["-o", f"DPkg::Lock::Timeout={OTHERS_SECONDS}"]
    done = commands.run([apt, *waits, *arguments], seconds=INSTALL_SECONDS, env=os.environ | quiet)
    if done.returncode:
        last = "\n  ".join((done.stderr or done.stdout).splitlines()[-10:])
        raise NoBackend(f"apt-get {' '.join(arguments)} failed:\n  {last}")


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other launcher installs: the first to finish would let the packages of the other start services."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _no_services() -> Iterator[None]:
    """Keep package scripts from starting, stopping or restarting any service meanwhile, by Debian's policy-rc.d."""
    if POLICY.exists() and POLICY.read_text() != OURS:
        if commands.run([POLICY, "postgresql", "start"], seconds=10).returncode != FORBIDDEN:
            raise NoBackend(f"{POLICY} of this machine lets packages start services; install them yourself")
        yield
        return
    POLICY.write_text(OURS)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
