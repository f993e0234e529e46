"""Ends the launcher's processes when the launcher dies without stopping them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from quicksync_dev import commands
from quicksync_dev.records import Records


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start a watchdog for these records. The end of its standard input, also by our death, triggers it."""
    command = [sys.executable, "-m", "quicksync_dev.watchdog", str(folder), str(os.getpid())]
    return commands.spawn(command, stdin=subprocess.PIPE)


def main() -> None:
    """Wait for the end of standard input, then end the launcher's recorded processes."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    sys.stdin.buffer.read()
    Records(Path(sys.argv[1])).end_those_of(int(sys.argv[2]))


if __name__ == "__main__":
    main()
