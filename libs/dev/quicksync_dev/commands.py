"""Runs other programs, always with an argument list and never through a shell."""

import pwd
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from quicksync_dev.errors import LauncherError

Word = str | Path


class Process(Protocol):
    """A started program, as `subprocess.Popen` shows it."""

    pid: int

    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...


class Spawn(Protocol):
    """Starts a program as the leader of a new session, as `spawn` does."""

    def __call__(
        self,
        command: Sequence[Word],
        /,
        *,
        user: str | None,
        cwd: Path | None,
        env: Mapping[str, str] | None,
        log: Path | None,
    ) -> Process: ...


def run(
    command: Sequence[Word],
    *,
    seconds: float,
    user: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return its output and exit code.

    Raises LauncherError when it takes longer than this.
    """
    words = [str(word) for word in command]
    try:
        return subprocess.run(  # noqa: S603 - running programs is the launcher's purpose; arguments never pass a shell
            words,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            **_credentials(user),
        )
    except subprocess.TimeoutExpired:
        raise LauncherError(f"`{' '.join(words)}` did not end within {seconds:g} s") from None


def spawn(
    command: Sequence[Word],
    *,
    user: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program as the leader of a new session, so that Ctrl-C does not reach it."""
    output = log.open("ab") if log else None
    try:
        return subprocess.Popen(  # noqa: S603 - as above
            [str(word) for word in command],
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=output,
            stderr=output and subprocess.STDOUT,
            start_new_session=True,
            **_credentials(user),
        )
    finally:
        if output:
            output.close()


def _credentials(user: str | None) -> dict[str, Any]:
    """Return the credentials of another user without our groups. Only root can switch users."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
