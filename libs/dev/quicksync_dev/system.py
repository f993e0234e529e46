"""The whole system on this machine, composed of real parts: for `up`, for the demo, and for the e2e and chaos tests."""

import asyncio
import contextlib
import dataclasses
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from quicksync_dev import bus, database, facts, identity, parts
from quicksync_dev.backends import packages
from quicksync_dev.backends.provide import Backends, choose
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir
from quicksync_dev.environment import REGIONS, Surroundings
from quicksync_dev.errors import LauncherError
from quicksync_dev.gateway.nginx import gateway
from quicksync_dev.identity import Identity
from quicksync_dev.ports import free_port, is_free
from quicksync_dev.processes import Part
from quicksync_dev.say import Say, stopwatch
from quicksync_dev.supervision import Supervisor
from quicksync_dev.waiting import together

STOP_ORDER = (("gateway",), SERVICES, ("sandbox", "mail"), ("postgres", "rabbitmq"))


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen about a system; nothing need be.

    `clover_urls` are by region; without them a sandbox is started and stands for each. `settings` are further
    variables for every service. `python` starts a module of the services and the sandbox; tests put stubs there.
    """

    clover_urls: Mapping[str, str] = dataclasses.field(default_factory=dict)
    gateway_port: int | None = None
    postgres_dsn: str | None = None
    amqp_url: str | None = None
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    python: parts.Python = (sys.executable, "-m")


class System:
    """One system in one data directory, with ports of its own; several may run at once, on given servers too.

    `parts` are by name: postgres, rabbitmq, sandbox, mail, catalog, inventory, orders, notifier, gateway. A part that
    dies is started again, except one that was put down by `kill` or `put_down`, until `restart`.
    """

    def __init__(self, root: Path, options: Options | None = None, say: Say = print) -> None:
        self.data_dir = DataDir(root)
        self.options = options or Options()
        self.parts: dict[str, Part] = {}
        self._say = say
        self._supervisor = Supervisor(self.parts, say, self._tell)
        self._watching: asyncio.Task[None] | None = None
        self._held = contextlib.ExitStack()
        self._urls: dict[str, str] = {}
        self._backends: Backends | None = None
        self._around: Surroundings | None = None

    async def __aenter__(self) -> Self:
        """Start; when that fails everything started so far is stopped."""
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start everything; returns when the gateway routes to services that are ready.

        Raises LauncherError. Whoever calls this without `async with` calls `stop` in any case.
        """
        took = stopwatch()
        self._held.enter_context(self.data_dir.taken(self._say))
        self.identity = identity.of(self.data_dir)
        # first, so that nothing is started when it cannot be had
        [self._nginx] = await packages.ensure([packages.NGINX], self._say)
        self._backends = await choose(self.data_dir, self._say, self.options.postgres_dsn, self.options.amqp_url)
        self._around = await self._start_ground(self._backends)
        await self._start_services(self._around)
        await self._start_gateway(self._around)
        self._tell()
        self._watching = asyncio.create_task(self._supervisor.watch())
        self._say(f"everything is up in {took()}")

    async def stop(self) -> None:
        """Stop everything that was started, the back-ends last. Raises LauncherError for what did not stop."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        failed: list[str] = []
        for names in STOP_ORDER:
            there = [name for name in names if name in self.parts]
            ends = await asyncio.gather(*(self.parts.pop(name).stop() for name in there), return_exceptions=True)
            failed += [f"{name} ({end})" for name, end in zip(there, ends, strict=True) if end is not None]
        self._held.close()
        if failed:
            raise LauncherError(f"did not stop: {', '.join(failed)}")

    async def discard(self) -> None:
        """Delete all data of a system that was started here, on given servers too; after `stop`."""
        if self._backends is not None:
            await self._backends.discard()
            self.data_dir.discard()

    async def kill(self, name: str) -> None:
        """End a part with SIGKILL, all its processes, and leave it down until `restart`."""
        self._supervisor.resting.add(name)
        await self.parts[name].kill()

    async def put_down(self, name: str) -> None:
        """Stop a part in order and leave it down until `restart`."""
        self._supervisor.resting.add(name)
        await self.parts[name].stop()

    async def restart(self, name: str) -> None:
        """Start a part again, on the same port and data; returns when it is ready. One that runs is stopped first."""
        await self.put_down(name)
        await self.parts[name].start()
        self._supervisor.resting.discard(name)
        self._tell()

    def env(self) -> dict[str, Any]:
        """What `quicksync env` prints."""
        return facts.public(self._facts(), self.identity)

    async def _start(self, *started: Part) -> None:
        """Start these at the same time; each is known from before its start, so that it will be stopped."""
        self.parts.update({part.name: part for part in started})
        await together(*(part.start() for part in started))

    async def _start_ground(self, backends: Backends) -> Surroundings:
        """Back-ends, mail and sandbox; the schemas are migrated while the broker, the slowest of all, starts."""
        outside = self._outside_world()
        around: Surroundings
        [around, _] = await together(self._start_database(backends), self._start(backends.rabbitmq, *outside))
        # a container's host is known for sure only once it runs
        return dataclasses.replace(around, amqp_url=backends.rabbitmq.url)

    async def _start_database(self, backends: Backends) -> Surroundings:
        await self._start(backends.postgres)
        took = stopwatch()
        around = await self._surroundings(backends)
        await together(*(parts.migrate(service, *self._setting(around)) for service in SERVICES))
        self._say(f"database: the schemas of {', '.join(SERVICES)} are prepared and migrated in {took()}")
        return around

    def _outside_world(self) -> list[Part]:
        """The mail catcher, and the sandbox unless another Clover was given."""
        smtp, http, clover = free_port(), free_port(), free_port()
        self._urls = {
            "smtp_url": f"smtp://127.0.0.1:{smtp}",
            "mail_url": f"http://127.0.0.1:{http}",
            "gateway_url": f"http://127.0.0.1:{self._gateway_port()}",
            "clover_url": next(iter(self.options.clover_urls.values()), f"http://127.0.0.1:{clover}").rstrip("/"),
        }
        mail = parts.mail(self.data_dir, smtp, http)
        if self.options.clover_urls:
            self._say(f"clover: the given one at {', '.join(sorted(set(self.options.clover_urls.values())))}")
            return [mail]
        python, gateway_url = self.options.python, self._urls["gateway_url"]
        return [mail, parts.sandbox(self.data_dir, python, clover, gateway_url, self.identity)]

    async def _surroundings(self, backends: Backends) -> Surroundings:
        once = self.data_dir.once
        passwords = {service: once(f"role_{service}", lambda: secrets.token_urlsafe(24)) for service in SERVICES}
        return Surroundings(
            ports={service: free_port() for service in SERVICES},
            dsns=await database.prepare(backends.postgres.url, passwords, self.data_dir.system),
            amqp_url=backends.rabbitmq.url,
            clover_urls=self.options.clover_urls or dict.fromkeys(REGIONS, self._urls["clover_url"]),
            smtp_url=self._urls["smtp_url"],
            gateway_url=self._urls["gateway_url"],
            bus_namespace=bus.topology(self.data_dir.system).namespace,
            settings=self.options.settings,
        )

    async def _start_services(self, around: Surroundings) -> None:
        took = stopwatch()
        await self._start(*(parts.service(service, *self._setting(around)) for service in SERVICES))
        self._say(f"services: {', '.join(SERVICES)} ready in {took()}")

    async def _start_gateway(self, around: Surroundings) -> None:
        took = stopwatch()
        port = int(around.gateway_url.rpartition(":")[2])
        await self._start(gateway(self.data_dir, self._nginx, port, around.ports))
        self._say(f"gateway: nginx at {around.gateway_url} ready in {took()}")

    def _setting(self, around: Surroundings) -> tuple[DataDir, parts.Python, Surroundings, Identity]:
        return self.data_dir, self.options.python, around, self.identity

    def _gateway_port(self) -> int:
        wanted = self.options.gateway_port
        if wanted is not None and not is_free(wanted):
            raise LauncherError(f"port {wanted} is taken; give another --gateway-port")
        return wanted if wanted is not None else free_port()

    def _facts(self) -> dict[str, Any]:
        if self._around is None or self._backends is None:
            raise LauncherError("the system is not up")
        around = self._around
        return {
            **self._urls,
            "postgres_dsn": database.at(self._backends.postgres.url, self.data_dir.system),
            "amqp_url": self._backends.rabbitmq.url,
            "services": {name: {"url": around.url(name), "pid": self.parts[name].pid} for name in SERVICES},
        }

    def _tell(self) -> None:
        facts.write(self.data_dir, self._facts())
