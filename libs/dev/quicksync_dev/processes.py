"""Child processes: each with its own log, waited for until ready, stopped in order or killed whole."""

import asyncio
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import aiohttp

from quicksync_dev import commands, process_tree
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import ComponentFailed, LauncherError
from quicksync_dev.waiting import Check, holds

STOP_WITHIN = 20.0
LAST_LINES = 20


class Component(Protocol):
    """Anything that can be started, stopped, killed with -9, and started again on the same port and data."""

    name: str

    @property
    def pid(self) -> int | None: ...
    async def alive(self) -> bool: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def kill(self) -> None: ...


class Child:
    """One child process. `start` returns when `ready` says so; it leads a session of its own.

    `user` is whom it runs as (only root can choose). Raises ComponentFailed, with its last log lines, when it ends or
    stays silent longer than `within` seconds.
    """

    def __init__(
        self,
        name: str,
        data_dir: DataDir,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        cwd: Path | None = None,
        ready: Check,
        within: float = 30.0,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self._data_dir = data_dir
        self._command = command
        self._env = env
        self._user = user
        self._cwd = cwd or data_dir.root
        self._ready = ready
        self._within = within
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._was_ready = False
        self._logged_before = 0

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def alive(self) -> bool:
        """Whether it runs."""
        return self.pid is not None

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        if self.pid is not None:
            raise LauncherError(f"{self.name}: runs already")
        self._was_ready = False
        log = self._data_dir.log(self.name)
        self._logged_before = log.stat().st_size if log.exists() else 0
        self._process = commands.spawn(self._command, user=self._user, cwd=self._cwd, env=self._env, log=log)
        self._data_dir.records.note(self.name, self._process.pid)
        if not await holds(self._ready_or_ended, self._within):
            await self._clear()
            raise ComponentFailed(self.name, f"was not ready within {self._within:.0f} s", self.last_lines())
        if self.pid is None:
            await self._clear()
            raise ComponentFailed(self.name, f"ended with code {self._process.returncode}", self.last_lines())
        self._was_ready = True

    async def stop(self) -> None:
        """Ask it to end, and end it and all its descendants when it has not within 20 s.

        One that is still starting is ended at once: a broker would listen to nobody yet, and nothing is lost.
        """
        if self._process is not None and self.pid is not None and self._was_ready:
            self._process.send_signal(self._stop_signal)
            await holds(self._ended, STOP_WITHIN)
        await self._clear()

    async def kill(self) -> None:
        """End it and all its descendants at once, with SIGKILL."""
        await self._clear()

    def last_lines(self) -> list[str]:
        """What it logged last since it was started; the log holds earlier runs too."""
        log = self._data_dir.log(self.name)
        new = log.read_bytes()[self._logged_before :] if log.exists() else b""
        return new.decode(errors="replace").splitlines()[-LAST_LINES:]

    async def _ready_or_ended(self) -> bool:
        return await self._ended() or await self._ready()

    async def _ended(self) -> bool:
        return self.pid is None

    async def _clear(self) -> None:
        if self._process is not None:
            await asyncio.to_thread(_end, self._process)
            self._data_dir.records.forget(self.name)


def _end(process: subprocess.Popen[bytes]) -> None:
    process_tree.end(process_tree.process_tree(process.pid))
    process.wait(timeout=process_tree.GONE_WITHIN)


def answers(url: str) -> Check:
    """Ready when a GET of this address is answered with 200."""

    async def ready() -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session,
                session.get(url) as answer,
            ):
                return answer.status == 200  # noqa: PLR2004 - the HTTP word for ready
        except (aiohttp.ClientError, TimeoutError):
            return False

    return ready
