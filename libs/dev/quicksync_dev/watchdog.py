"""Outlives the launcher by a moment: when the launcher is gone without a word, ends what it had started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from quicksync_dev import commands
from quicksync_dev.records import Records


def start(folder: Path) -> subprocess.Popen[bytes]:
    """A watchdog over these records. Closing its standard input, by will or by death, sets it off."""
    command = [sys.executable, "-m", "quicksync_dev.watchdog", str(folder), str(os.getpid())]
    return commands.spawn(command, stdin=subprocess.PIPE)


def main() -> None:
    """Wait for the end of standard input, then end what is still recorded of the launcher."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    sys.stdin.buffer.read()
    Records(Path(sys.argv[1])).end_those_of(int(sys.argv[2]))


if __name__ == "__main__":
    main()
