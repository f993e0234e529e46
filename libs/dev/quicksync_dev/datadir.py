"""The data directory: all files of one running system, and the lock that reserves it."""

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from quicksync_dev import commands, watchdog
from quicksync_dev.errors import LauncherError
from quicksync_dev.progress import Progress
from quicksync_dev.records import Records

PRIVATE = 0o700
PASSABLE = 0o011
SECRET = 0o600
WATCHDOG_ENDS_WITHIN = 15
STATE_FILE = "system.json"
"""The runtime state. The file exists only while a system is up."""


class DataDir:
    """One system's files. `records` lists the processes started for it."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.records = Records(self.root / "run")

    @property
    def system(self) -> str:
        """Return the system's name on servers that it may share with others."""
        return self.once("system", lambda: f"quicksync_{secrets.token_hex(6)}")

    def path(self, *parts: str) -> Path:
        """Return a path below the directory and create its parent folder."""
        path = self.root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, name: str) -> Path:
        """Return the log file of a component."""
        return self.path("logs", f"{name}.log")

    def once(self, name: str, make: Callable[[], str]) -> str:
        """Return the secret with this name (mode 0600). The first call creates it."""
        path = self.path("secrets", name)
        if not path.exists():
            unfinished = path.with_suffix(".new")
            unfinished.unlink(missing_ok=True)
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET), "w") as file:
                file.write(make())
            unfinished.rename(path)
        return path.read_text()

    @contextmanager
    def locked(self, progress: Progress) -> Iterator[None]:
        """Lock the directory, end processes of a killed launcher, and start a watchdog.

        Raises LauncherError when another launcher holds the lock.
        """
        self.root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        with self.path("lock").open("w") as lock:
            _hold(lock.fileno(), self.root)
            # A killed launcher's state would describe the wrong system.
            self.path(STATE_FILE).unlink(missing_ok=True)
            if leftovers := self.records.reap():
                progress(f"ended processes of an earlier run: {', '.join(leftovers)}")
            guard = watchdog.start(self.root / "run")
            try:
                yield
            finally:
                self.path(STATE_FILE).unlink(missing_ok=True)
                guard.communicate(timeout=WATCHDOG_ENDS_WITHIN)

    def is_locked(self) -> bool:
        """Return whether a launcher runs on this directory."""
        if not (self.root / "lock").exists():
            return False
        with (self.root / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def place(self, name: str, user: str | None) -> Path:
        """Return a folder for a server, owned by this user.

        It is below the directory or, if the user has no access to the directory (such as root's home), in /var/tmp with
        a link in the directory.
        """
        place = self.path(name)
        if place.exists():
            return place.resolve()
        place.unlink(missing_ok=True)  # a link whose target was deleted
        if user is None:
            place.mkdir(mode=PRIVATE)
            return place
        if _reaches(user, self.root):
            place.mkdir(mode=PRIVATE)
        else:
            place.symlink_to(tempfile.mkdtemp(prefix=f"quicksync-{name}-", dir="/var/tmp"))
        shutil.chown(place, user)
        return place.resolve()

    def discard(self) -> None:
        """Delete everything, also linked folders. For temporary systems, after `stop`."""
        for link in filter(Path.is_symlink, self.root.glob("*")):
            shutil.rmtree(link.resolve(), ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)


def _hold(lock: int, root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LauncherError(f"a system already runs on {root}; stop it, or give another --data-dir") from None


def _reaches(user: str, folder: Path) -> bool:
    """Return whether the user can traverse the folder, after allowing others to traverse but not read it."""
    folder.chmod(stat.S_IMODE(folder.stat().st_mode) | PASSABLE)
    return commands.run(["test", "-x", folder], seconds=5, user=user, cwd=Path("/")).returncode == 0
