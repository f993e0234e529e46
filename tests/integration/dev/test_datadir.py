"""The data directory: locations and access rights."""

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import ComponentFailed
from quicksync_dev.processes import Child

USER = "nobody"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as users of their own")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@as_root
@pytest.mark.parametrize(("before", "after"), [(0o700, 0o711), (0o1777, 0o1777), (0o750, 0o751)])
def test_a_directory_becomes_traversable_and_keeps_its_other_modes(data_dir: DataDir, before: int, after: int) -> None:
    """Existing modes stay, even the sticky bit of /tmp."""
    data_dir.root.chmod(before)

    data_dir.place("server", USER)

    assert _mode(data_dir.root) == after


@as_root
def test_a_deleted_server_folder_is_created_again(tmp_path: Path) -> None:
    """A dangling link to the folder is replaced."""
    tmp_path.chmod(0o700)
    data_dir = DataDir(tmp_path / "system")
    first = data_dir.place("server", USER)
    shutil.rmtree(first)

    again = data_dir.place("server", USER)

    assert again.is_dir()
    assert again != first
    data_dir.discard()


async def test_the_last_lines_are_of_this_run(data_dir: DataDir) -> None:
    """Log lines of an earlier run are not part of the error."""
    data_dir.log("component").write_text("an old trouble\n")

    component = Child("component", data_dir, [sys.executable, "-c", "print('a new one')"])
    with pytest.raises(ComponentFailed) as failed:
        await component.start()

    assert failed.value.lines == ["a new one"]
