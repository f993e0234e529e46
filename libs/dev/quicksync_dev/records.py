"""Records started processes on disk, so that the next launcher can end them after a `kill -9`."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from quicksync_dev import process_tree

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Record:
    """One session leader: its start time (seconds since the epoch), the boot id, and the launcher's process id."""

    name: str
    pid: int
    started: float
    boot: str
    launcher: int


class Records:
    """The records of one data directory, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, name: str, pid: int) -> None:
        """Record a started process, unless it has already ended."""
        started = process_tree.started_at(pid)
        if started is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f".{name}"
        unfinished.write_text(json.dumps(asdict(Record(name, pid, started, _boot(), os.getpid()))))
        unfinished.rename(self._folder / f"{name}.json")

    def forget(self, name: str) -> None:
        """Delete the record of a process that ended."""
        (self._folder / f"{name}.json").unlink(missing_ok=True)

    def reap(self) -> list[str]:
        """End recorded processes that still run and delete all records. Return the names of the ended ones.

        The caller must hold the directory's lock.
        """
        reaped = [record.name for record in self._read() if _end(record)]
        for path in self._folder.glob("*.json"):
            path.unlink()
        return reaped

    def end_those_of(self, launcher: int) -> None:
        """End the processes of this launcher. Keep the records, because the next launcher may be writing its own."""
        for record in self._read():
            if record.launcher == launcher:
                _end(record)

    def _read(self) -> Iterator[Record]:
        for path in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(FileNotFoundError):  # deleted by another process meanwhile
                yield Record(**json.loads(path.read_text()))


def _end(record: Record) -> bool:
    """End the recorded processes. Return whether there were any."""
    members = _leftover(record)
    process_tree.end(members)
    return bool(members)


def _leftover(record: Record) -> list[psutil.Process]:
    """Return the living processes of a record if they are ours: same boot, same process id and start time."""
    started = process_tree.started_at(record.pid)
    if record.boot != _boot() or (started is not None and abs(started - record.started) > process_tree.SAME_START):
        return []
    return process_tree.members(record.pid)


def _boot() -> str:
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""
