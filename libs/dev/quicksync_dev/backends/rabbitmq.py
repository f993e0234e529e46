"""Runs a private RabbitMQ from this machine's programs, under the data directory."""

import asyncio
import os
import secrets
from pathlib import Path

from quicksync_dev.backends.server import rabbitmq_answers
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import ComponentFailed
from quicksync_dev.ports import free_port, is_free
from quicksync_dev.processes import Child
from quicksync_dev.progress import Progress, stopwatch

READY_WITHIN = 180.0


class PrivateRabbit:
    """One broker with its own name server (epmd), because a shared epmd would outlive it. Runs as the current user."""

    name = "rabbitmq"

    def __init__(self, data_dir: DataDir, server: Path, epmd: Path, progress: Progress) -> None:
        self._progress = progress
        self._home = data_dir.place("rabbitmq", None)
        self._password = data_dir.once("rabbitmq", lambda: secrets.token_urlsafe(24))
        self._port, self._distribution, self._names = free_port(), free_port(), free_port()
        self._epmd = Child(
            "epmd",
            data_dir,
            [epmd, "-port", str(self._names), "-address", "127.0.0.1"],
            env=_environment(self._home),
            ready=self._names_answer,
        )
        self._broker = Child(
            self.name,
            data_dir,
            [server],
            env=_environment(self._home) | self._settings(),
            cwd=self._home,
            ready=lambda: rabbitmq_answers(self.url),
            within=READY_WITHIN,
        )

    @property
    def url(self) -> str:
        """Return the administrator's URL."""
        return f"amqp://quicksync:{self._password}@127.0.0.1:{self._port}/"

    @property
    def pid(self) -> int | None:
        """Return the broker's process id while it runs."""
        return self._broker.pid

    async def alive(self) -> bool:
        """Return whether the broker runs."""
        return await self._broker.alive()

    async def start(self) -> None:
        """Start the broker on the same port and data as before."""
        took = stopwatch()
        self._write_configuration()
        if not await self._epmd.alive():
            await self._epmd.start()
        try:
            await self._broker.start()
        except ComponentFailed:
            await self._epmd.stop()
            raise
        self._progress(f"rabbitmq: private instance on port {self._port} ready in {took()}")

    async def stop(self) -> None:
        """Stop the broker and its name server cleanly."""
        await self._broker.stop()
        await self._epmd.stop()

    async def kill(self) -> None:
        """Kill all processes of the broker with SIGKILL. The name server survives, as in a real crash."""
        await self._broker.kill()

    async def discard(self) -> None:
        """Do nothing: the data directory holds all data."""

    async def _names_answer(self) -> bool:
        return not await asyncio.to_thread(is_free, self._names)

    def _write_configuration(self) -> None:
        (self._home / "enabled_plugins").write_text("[].\n")
        (self._home / "conf.d").mkdir(exist_ok=True)
        configuration = self._home / "rabbitmq.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f"listeners.tcp.local = 127.0.0.1:{self._port}\n"
            f"default_user = quicksync\ndefault_pass = {self._password}\n"
            "log.console = true\nlog.console.level = warning\n"
        )

    def _settings(self) -> dict[str, str]:
        """Return the settings that a second broker on one machine must not share."""
        home = self._home
        return {
            "RABBITMQ_NODENAME": "quicksync@localhost",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(home / "conf.d" / "*.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # The start script then execs the broker, so that our signals reach it.
            "RUNNING_UNDER_SYSTEMD": "true",
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }


def _environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
