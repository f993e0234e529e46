"""Temporary data directories for the launcher."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.support.gateway import front

from quicksync_dev.datadir import DataDir

__all__ = ["front"]

log = logging.getLogger(__name__)


@pytest.fixture
def lines() -> list[str]:
    """The reported lines of progress. Pass its `append` as `progress`."""
    return []


@pytest.fixture
def data_dir() -> Iterator[DataDir]:
    """A data directory that other users can traverse, like one in a checkout."""
    made = DataDir(Path(tempfile.mkdtemp(prefix="quicksync-dev-")))
    yield made
    made.discard()


@pytest.fixture
def find_processes(data_dir: DataDir) -> Callable[[], list[psutil.Process]]:
    """Finds processes with the data directory in their command line or as working directory, except the watchdog."""

    def find() -> list[psutil.Process]:
        return [each for each in psutil.process_iter() if each.pid != os.getpid() and _mentions(each, data_dir.root)]

    return find


def _mentions(process: psutil.Process, folder: Path) -> bool:
    try:
        words = process.cmdline()
        return "quicksync_dev.watchdog" not in words and str(folder) in " ".join([*words, process.cwd()])
    except psutil.Error:
        return False
