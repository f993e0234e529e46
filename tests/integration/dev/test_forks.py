"""The services under test run in forks: each is a process as the launcher itself starts it."""

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support import forks

from quicksync_dev import commands
from quicksync_dev.commands import Spawn, Word

PROGRAM = """
import json, os, signal, sys, threading

handled = [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP]
numbers = os.listdir("/proc/self/fd")
opened = [os.readlink(f"/proc/self/fd/{number}") for number in numbers if os.path.exists(f"/proc/self/fd/{number}")]
print(json.dumps({
    "name": __name__,
    "arguments": sys.argv,
    "environment": [sorted(os.environ), os.environ.get("A")],
    "folder": os.getcwd(),
    "leads its session and its group": os.getsid(0) == os.getpgid(0) == os.getpid(),
    "output": [os.readlink(f"/proc/self/fd/{number}") for number in (1, 2)],
    "input": sys.stdin.read(),
    "signals": [str(signal.getsignal(each)) for each in handled],
    "blocked signals": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "threads": [len(os.listdir("/proc/self/task")), threading.active_count()],
    "sockets": [each for each in opened if each.startswith("socket:")],
}))
sys.exit(3)
"""


def run(spawn: Spawn, command: Sequence[Word], log: Path) -> tuple[int, Any]:
    """Return the exit code of a Python program and what it wrote."""
    environment = {"LC_CTYPE": "C.UTF-8", "A": "1"}
    started = spawn([sys.executable, *command], user=None, cwd=log.parent, env=environment, log=log)
    code = started.wait(60)
    return code, json.loads(log.read_text())


def test_a_fork_is_a_process_like_any_other(tmp_path: Path) -> None:
    """It has its own session, environment, output and signals, and nothing that was open or ran before the fork."""
    forks.prepare()
    (tmp_path / "program.py").write_text(PROGRAM)
    log = tmp_path / "log"
    started = run(commands.spawn, [tmp_path / "program.py", "a word"], log)
    log.unlink()
    forked = run(forks.fork, [tmp_path / "program.py", "a word"], log)

    assert forked == started
    assert (started[0], started[1]["sockets"]) == (3, [])


def test_a_fork_is_killed_like_any_other_process(tmp_path: Path) -> None:
    """Its exit code names the signal."""
    forks.prepare()
    (tmp_path / "program.py").write_text("import signal\nsignal.pause()\n")
    for spawn in (commands.spawn, forks.fork):
        process = spawn([sys.executable, tmp_path / "program.py"], user=None, cwd=tmp_path, env={}, log=None)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
