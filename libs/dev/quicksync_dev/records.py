"""Which processes were started here, on disk, so that whoever comes after a `kill -9` can end them."""

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
    """One process: a session leader, when it started (seconds since the epoch), under which boot, and by whom."""

    name: str
    pid: int
    started: float
    boot: str
    launcher: int


class Records:
    """The records of one data directory, a file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, name: str, pid: int) -> None:
        """Remember a process just started. One that is gone already is not remembered."""
        started = process_tree.started_at(pid)
        if started is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f".{name}"
        unfinished.write_text(json.dumps(asdict(Record(name, pid, started, _boot(), os.getpid()))))
        unfinished.rename(self._folder / f"{name}.json")

    def forget(self, name: str) -> None:
        """The process is gone, ended in order."""
        (self._folder / f"{name}.json").unlink(missing_ok=True)

    def reap(self) -> list[str]:
        """End what still runs of the recorded processes and forget them all; the names of those that did.

        For whoever holds the directory.
        """
        reaped = [record.name for record in self._read() if _end(record)]
        for path in self._folder.glob("*.json"):
            path.unlink()
        return reaped

    def end_those_of(self, launcher: int) -> None:
        """End what this launcher had started. The records stay: the next launcher may be writing its own there."""
        for record in self._read():
            if record.launcher == launcher:
                _end(record)

    def _read(self) -> Iterator[Record]:
        for path in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(FileNotFoundError):  # forgotten by another meanwhile
                yield Record(**json.loads(path.read_text()))


def _end(record: Record) -> bool:
    """Whether there was something to end."""
    members = _leftover(record)
    process_tree.end(members)
    return bool(members)


def _leftover(record: Record) -> list[psutil.Process]:
    """The recorded process' family when it is still ours: the same boot, and not another process with its number."""
    started = process_tree.started_at(record.pid)
    if record.boot != _boot() or (started is not None and abs(started - record.started) > process_tree.SAME_START):
        return []
    return process_tree.process_tree(record.pid)


def _boot() -> str:
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""
