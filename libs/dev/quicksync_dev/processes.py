"""Child processes with their own logs. A start waits for readiness; an end includes all descendants."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import aiohttp

from quicksync_dev import commands, process_tree
from quicksync_dev.commands import Process, Spawn
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import ComponentFailed, LauncherError
from quicksync_dev.waiting import Check, holds, never

STOP_WITHIN = 20.0
LAST_LINES = 20


class Component(Protocol):
    """A part of the system that can start, stop, be killed, and restart on the same port and data."""

    name: str

    @property
    def pid(self) -> int | None: ...
    async def alive(self) -> bool: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def kill(self) -> None: ...


class Child:
    """One child process in its own session. `start` returns once `ready` returns True, `run` once it has ended.

    Only root can set `user`. `start` raises ComponentFailed with the last log lines when the process ends or is not
    ready within `within` seconds.
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
        ready: Check = never,
        within: float = 90.0,
        stop_signal: signal.Signals = signal.SIGTERM,
        spawn: Spawn = commands.spawn,
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
        self._spawn = spawn
        self._process: Process | None = None
        self._was_ready = False
        self._logged_before = 0

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def alive(self) -> bool:
        """Return whether the process runs."""
        return self.pid is not None

    async def start(self) -> None:
        """Start the process and wait until it is ready."""
        process = self._begin()
        if not await holds(self._ready_or_ended, self._within):
            await self._clear()
            raise ComponentFailed(self.name, f"was not ready within {self._within:.0f} s", self.last_lines())
        if self.pid is None:
            await self._clear()
            raise ComponentFailed(self.name, f"ended with code {process.returncode}", self.last_lines())
        self._was_ready = True

    async def run(self) -> None:
        """Run the process to its end. An error or a cancellation kills it.

        Raise ComponentFailed unless it ends with code 0 in time.
        """
        process = self._begin()
        try:
            ended = await holds(self._ended, self._within)
        finally:
            await self._clear()
        if not ended:
            raise ComponentFailed(self.name, f"did not end within {self._within:.0f} s", self.last_lines())
        if process.returncode:
            raise ComponentFailed(self.name, f"ended with code {process.returncode}", self.last_lines())

    async def stop(self) -> None:
        """Send the stop signal, and after 20 s kill the process and its descendants.

        A process that is not ready is killed at once: a starting broker ignores signals and has no data to lose.
        """
        if self._process is not None and self.pid is not None and self._was_ready:
            self._process.send_signal(self._stop_signal)
            await holds(self._ended, STOP_WITHIN)
        await self._clear()

    async def kill(self) -> None:
        """Kill the process and all its descendants with SIGKILL."""
        await self._clear()

    def last_lines(self) -> list[str]:
        """Return the last log lines since the start. The log also has those of earlier runs."""
        log = self._data_dir.log(self.name)
        new = log.read_bytes()[self._logged_before :] if log.exists() else b""
        return new.decode(errors="replace").splitlines()[-LAST_LINES:]

    def _begin(self) -> Process:
        if self.pid is not None:
            raise LauncherError(f"{self.name}: already runs")
        self._was_ready = False
        log = self._data_dir.log(self.name)
        self._logged_before = log.stat().st_size if log.exists() else 0
        self._process = self._spawn(self._command, user=self._user, cwd=self._cwd, env=self._env, log=log)
        self._data_dir.records.add(self.name, self._process.pid)
        return self._process

    async def _ready_or_ended(self) -> bool:
        return await self._ended() or await self._ready()

    async def _ended(self) -> bool:
        return self.pid is None

    async def _clear(self) -> None:
        if self._process is not None:
            await asyncio.to_thread(_end, self._process)
            self._data_dir.records.forget(self.name)


def _end(process: Process) -> None:
    process_tree.end(process_tree.members(process.pid))
    process.wait(timeout=process_tree.GONE_WITHIN)


def answers(url: str) -> Check:
    """Return a check that a GET of this URL answers 200."""

    async def ready() -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session,
                session.get(url) as answer,
            ):
                return answer.status == 200  # noqa: PLR2004 - HTTP OK
        except (aiohttp.ClientError, TimeoutError):
            return False

    return ready
