"""The data directory: everything one running system keeps, and the lock that makes it one."""

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
"""What the running system tells of itself; it is there only while one is up."""


class DataDir:
    """One system's files. `records` names the processes started for it."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.records = Records(self.root / "run")

    @property
    def system(self) -> str:
        """The system's name on servers that it may share with others."""
        return self.once("system", lambda: f"quicksync_{secrets.token_hex(6)}")

    def path(self, *parts: str) -> Path:
        """A path below the directory; the folder it is in is made."""
        path = self.root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, name: str) -> Path:
        """Where the component of this name logs."""
        return self.path("logs", f"{name}.log")

    def once(self, name: str, make: Callable[[], str]) -> str:
        """A secret kept under this name (0600), made the first time it is asked for."""
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
        """Hold the directory alone, with what a killed launcher left behind ended first and a watchdog set.

        Raises LauncherError when another launcher holds it.
        """
        self.root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        with self.path("lock").open("w") as lock:
            _hold(lock.fileno(), self.root)
            # a killed launcher's; nobody may take what it told for the system that starts now
            self.path(STATE_FILE).unlink(missing_ok=True)
            if leftovers := self.records.reap():
                progress(f"ended what an earlier run left behind: {', '.join(leftovers)}")
            guard = watchdog.start(self.root / "run")
            try:
                yield
            finally:
                self.path(STATE_FILE).unlink(missing_ok=True)
                guard.communicate(timeout=WATCHDOG_ENDS_WITHIN)

    def is_locked(self) -> bool:
        """Whether a launcher runs on this directory now."""
        if not (self.root / "lock").exists():
            return False
        with (self.root / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def place(self, name: str, user: str | None) -> Path:
        """A folder of this user's own for a server: below the directory, or where the user can reach it.

        A user who may not pass through the directory (a home of another user) gets a folder in /var/tmp, and a
        link to it stands in the directory.
        """
        place = self.path(name)
        if place.exists():
            return place.resolve()
        place.unlink(missing_ok=True)  # a link to what was cleaned away
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
        """Delete everything, what stands elsewhere too. For directories of tests, after all has stopped."""
        for link in filter(Path.is_symlink, self.root.glob("*")):
            shutil.rmtree(link.resolve(), ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)


def _hold(lock: int, root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LauncherError(f"a system already runs on {root}; stop it, or give another --data-dir") from None


def _reaches(user: str, folder: Path) -> bool:
    """Whether the user may pass through the folder, which is opened to passing (not to reading) for it."""
    folder.chmod(stat.S_IMODE(folder.stat().st_mode) | PASSABLE)
    return commands.run(["test", "-x", folder], seconds=5, user=user, cwd=Path("/")).returncode == 0
