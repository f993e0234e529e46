"""Finds the server programs of this machine. `tools/setup servers` installs missing ones."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from quicksync_dev.errors import NoBackend

INSTALL = "tools/setup servers"


@dataclass(frozen=True)
class Program:
    """A program, the Debian package that contains it, and an alternative to installing it."""

    name: str
    package: str
    find: Callable[[], Path | None]
    alternative: str = ""


def _newest_postgres() -> Path | None:
    """Return the folder of PostgreSQL's server programs; Debian keeps one per version and none on the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda found: int(found.parts[-3]))
    on_path = _on_path("initdb")
    found = versions[-1] if versions else on_path and on_path.resolve()
    return found.parent if found else None


def _rabbitmq_server() -> Path | None:
    """Return the start script itself, because Debian's wrapper on the PATH insists on the user rabbitmq."""
    script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return script if script.exists() else _on_path("rabbitmq-server")


def _on_path(name: str) -> Path | None:
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
    return Path(found) if found else None


POSTGRES = Program("PostgreSQL", "postgresql", _newest_postgres, "start Docker, or give --postgres-dsn")
RABBITMQ = Program("RabbitMQ", "rabbitmq-server", _rabbitmq_server, "start Docker, or give --amqp-url")
EPMD = Program("epmd", "rabbitmq-server", lambda: _on_path("epmd"))
NGINX = Program("nginx", "nginx-light", lambda: _on_path("nginx"))


def missing(programs: Sequence[Program]) -> list[Program]:
    """Return the programs that this machine does not have."""
    return [program for program in programs if program.find() is None]


def locate(programs: Sequence[Program]) -> list[Path]:
    """Return the paths of the programs. Raise NoBackend that names the missing ones and the command to install them."""
    paths = [program.find() for program in programs]
    if absent := missing(programs):
        alternatives = [f"\n  instead of {each.name}: {each.alternative}" for each in absent if each.alternative]
        raise NoBackend(
            f"not installed: {', '.join(each.name for each in absent)}. Run `{INSTALL}` in the repository, "
            "as root on Debian" + "".join(alternatives)
        )
    return [path for path in paths if path is not None]
