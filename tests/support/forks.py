"""Starts the Python processes of a system by forks of a process that has imported all our code.

Importing costs a service most of a second, which a suite that starts and kills a hundred of them would spend on nothing
else. A fork is a process like any other: in its own session, with its own environment, log and connections.
"""

import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from quicksync_dev.commands import Word
from quicksync_dev.database import SERVICES

IMPORTED = [f"{service}.app" for service in SERVICES] + [
    "common.db.migrate",
    "clover_sandbox.app",
    "aiosmtpd.smtp",
    "http.server",
]
MAIN = "pytest"
"""The main module's package, which multiprocessing imports in each process."""


class Fork:
    """A forked process, as `subprocess.Popen` shows it."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self.pid = process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"process {self.pid} did not end within {timeout} s")
        return self._process.exitcode

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def prepare() -> None:
    """Import our code, once, and return when it is imported: until then a fork would block the event loop."""
    first = _context().Process(target=int, daemon=True)
    first.start()
    first.join()


def fork(
    command: Sequence[Word],
    /,
    *,
    user: str | None,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    log: Path | None,
) -> Fork:
    """Run `python -m module arguments…` or `python file arguments…` in a fork."""
    python, *words = [str(word) for word in command]
    assert (python, user) == (sys.executable, None)
    process = _context().Process(target=_run, args=(words, cwd, env, log), daemon=True)
    process.start()
    return Fork(process)


def _context() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload([*IMPORTED, MAIN])
    return context


def _run(words: Sequence[str], cwd: Path | None, env: Mapping[str, str] | None, log: Path | None) -> None:
    """Become this process."""
    os.setsid()
    if cwd:
        os.chdir(cwd)
    if env is not None:
        os.environ.clear()
        os.environ.update(env)
    if log:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
    if words[0] == "-m":
        sys.argv[1:] = words[2:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(words)
        runpy.run_path(words[0], run_name="__main__")
