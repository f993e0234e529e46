"""Runs a private PostgreSQL from this machine's programs, under the data directory."""

import asyncio
import os
import secrets
import shutil
import time
from pathlib import Path
from signal import SIGINT

from quicksync_dev import commands, process_tree
from quicksync_dev.backends.server import postgres_answers
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import ComponentFailed
from quicksync_dev.ports import free_port
from quicksync_dev.processes import Child
from quicksync_dev.progress import Progress, stopwatch

INITDB_SECONDS = 60
ORPHANS_WITHIN = 15.0
"""Seconds until the processes of a killed server release its shared memory."""

OPTIONS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "300"}


class PrivatePostgres:
    """One server with one administrator. As root it runs as the user postgres, because PostgreSQL refuses root."""

    name = "postgres"

    def __init__(self, data_dir: DataDir, binaries: Path, progress: Progress) -> None:
        self._user = "postgres" if os.geteuid() == 0 else None
        self._binaries = binaries
        self._progress = progress
        self._home = data_dir.place("postgres", self._user)
        self._password = data_dir.once("postgres", lambda: secrets.token_urlsafe(24))
        self._port = free_port()
        options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
        self._child = Child(
            self.name,
            data_dir,
            [binaries / "postgres", "-D", self._home / "data", "-p", str(self._port), *options],
            user=self._user,
            cwd=self._home,
            ready=lambda: postgres_answers(self.url),
            stop_signal=SIGINT,
        )

    @property
    def url(self) -> str:
        """Return the administrator's DSN. Without TLS, asyncpg asks the server nothing before it logs in."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self._port}/postgres?sslmode=disable"

    @property
    def pid(self) -> int | None:
        """Return the postmaster's process id while it runs."""
        return self._child.pid

    async def alive(self) -> bool:
        """Return whether the postmaster runs."""
        return await self._child.alive()

    async def start(self) -> None:
        """Start the server on the same port and data as before. Initialize the data the first time."""
        took = stopwatch()
        if not (self._home / "data").exists():
            await asyncio.to_thread(self._initdb)
        await asyncio.to_thread(self._forget_zombie)
        deadline = time.monotonic() + ORPHANS_WITHIN
        while True:
            try:
                await self._child.start()
            except ComponentFailed as failure:
                if time.monotonic() > deadline or not any("shared memory block" in line for line in failure.lines):
                    raise
                continue
            break
        self._progress(f"postgres: private instance on port {self._port} ready in {took()}")

    async def stop(self) -> None:
        """Stop the server in PostgreSQL's fast mode: end sessions and write all data."""
        await self._child.stop()

    async def kill(self) -> None:
        """Kill all processes of the server with SIGKILL."""
        await self._child.kill()

    async def discard(self) -> None:
        """Do nothing: the data directory holds all data."""

    def _forget_zombie(self) -> None:
        """Remove the lock file of a zombie postmaster, which PostgreSQL would take for a running one.

        This is safe: PostgreSQL detects orphans that use the data by shared memory and not by this file.
        """
        lock = self._home / "data" / "postmaster.pid"
        if lock.exists() and process_tree.is_zombie(int(lock.read_text().split()[0])):
            lock.unlink()

    def _initdb(self) -> None:
        """Create the cluster in a temporary folder and rename it, so that an unfinished one is never used."""
        unfinished, password = self._home / "data.new", self._home / "password"
        shutil.rmtree(unfinished, ignore_errors=True)
        password.touch(mode=0o600)
        password.write_text(self._password)
        if self._user:
            shutil.chown(password, self._user)
        options = ["-U", "postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"]
        command: list[str | Path] = [self._binaries / "initdb", "-D", unfinished, f"--pwfile={password}", *options]
        made = commands.run(command, seconds=INITDB_SECONDS, user=self._user, cwd=self._home)
        password.unlink()
        if made.returncode:
            raise ComponentFailed("initdb", f"ended with code {made.returncode}", made.stderr.splitlines()[-10:])
        unfinished.rename(self._home / "data")
