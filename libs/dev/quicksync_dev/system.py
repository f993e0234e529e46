"""Composes the whole system on this machine from real servers, for `up`, the demo, and the e2e and chaos tests."""

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from quicksync_dev import bus, commands, components, database, environment, identity, runtime_state
from quicksync_dev.backends.programs import NGINX, locate
from quicksync_dev.backends.select import Backends, select
from quicksync_dev.commands import Spawn
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir
from quicksync_dev.environment import REGIONS, Addresses
from quicksync_dev.errors import ComponentFailed, LauncherError
from quicksync_dev.gateway.nginx import gateway
from quicksync_dev.identity import Identity
from quicksync_dev.ports import free_port, is_free
from quicksync_dev.processes import Component
from quicksync_dev.progress import Progress, stopwatch
from quicksync_dev.supervision import Supervisor
from quicksync_dev.waiting import together

STOP_ORDER = (("gateway",), SERVICES, ("sandbox", "mail"), ("postgres", "rabbitmq"))
START_ATTEMPTS = 3


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of a system, all optional.

    `clover_urls` is keyed by region; without it a local sandbox serves all regions. The gateway listens on
    `gateway_port`, else on `usual_gateway_port` if that is free, else on any free port. `settings` are extra variables
    for every service. Each service runs in `replicas` processes; the gateway routes to the first. `spawn`
    starts the processes of our own code; tests fork them instead.
    """

    clover_urls: Mapping[str, str] = dataclasses.field(default_factory=dict)
    gateway_port: int | None = None
    usual_gateway_port: int | None = None
    postgres_dsn: str | None = None
    amqp_url: str | None = None
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    replicas: int = 1
    spawn: Spawn = commands.spawn


class System:
    """One system in one data directory, with its own ports; several can run side by side, also on external servers.

    `components` maps names to components: postgres, rabbitmq, sandbox, mail, catalog, inventory, orders, notifier,
    gateway, and with replicas catalog-2 and so on. The supervisor restarts a component that dies, except one stopped by
    `kill` or `pause`, until `restart`.
    """

    def __init__(self, root: Path, options: Options | None = None, progress: Progress = print) -> None:
        self.data_dir = DataDir(root)
        self.options = options or Options()
        self.components: dict[str, Component] = {}
        self._progress = progress
        self._supervisor = Supervisor(self.components, progress, self._write_state)
        self._watching: asyncio.Task[None] | None = None
        self._held = contextlib.ExitStack()
        self._urls: dict[str, str] = {}
        self._backends: Backends | None = None
        self._addresses: Addresses | None = None

    async def __aenter__(self) -> Self:
        """Start the system. If the start fails, stop all started components."""
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
        """Start all components and return once the gateway routes to ready services.

        Raises LauncherError. Without `async with`, the caller must call `stop` even after a failure.
        """
        took = stopwatch()
        self._held.enter_context(self.data_dir.locked(self._progress))
        self.identity = identity.of(self.data_dir)
        # Located first, so that nothing starts when nginx is missing.
        [self._nginx] = locate([NGINX])
        await self._start_on_free_ports()
        self._write_state()
        self._watching = asyncio.create_task(self._supervisor.watch())
        self._progress(f"everything is up in {took()}")

    async def stop(self) -> None:
        """Stop all components, the back-ends last. Raise LauncherError that names those that did not stop."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        try:
            await self._stop_components()
        finally:
            self._held.close()

    async def discard(self) -> None:
        """Delete all data of the system, also on external servers. Call it after `stop`."""
        if self._backends is not None:
            await self._backends.discard()
            self.data_dir.discard()

    async def kill(self, name: str) -> None:
        """Kill all processes of a component with SIGKILL and keep it down until `restart`."""
        self._supervisor.paused.add(name)
        await self.components[name].kill()

    async def pause(self, name: str) -> None:
        """Stop a component cleanly and keep it down until `restart`."""
        self._supervisor.paused.add(name)
        await self.components[name].stop()

    async def restart(self, name: str) -> None:
        """Restart a component on the same port and data, and wait until it is ready. Stop it first if it runs."""
        await self.pause(name)
        await self.components[name].start()
        self._supervisor.paused.discard(name)
        self._write_state()

    def env(self) -> dict[str, Any]:
        """Return the output of `quicksync env`."""
        return runtime_state.public(self._state(), self.identity)

    async def _start_on_free_ports(self) -> None:
        """Start all components. If another program takes a reserved port, start again on other ports."""
        for attempts_left in reversed(range(START_ATTEMPTS)):
            try:
                await self._start_components()
            except ComponentFailed as failure:
                if not failure.port_taken or not attempts_left:
                    raise
                self._progress(f"{failure.name}: another program took its port; starting again on other ports")
                await self._stop_components()
            else:
                return

    async def _start_components(self) -> None:
        self._backends = await select(self.data_dir, self._progress, self.options.postgres_dsn, self.options.amqp_url)
        self._addresses = await self._start_ground(self._backends)
        await self._start_services(self._addresses)
        await self._start_gateway(self._addresses)

    async def _stop_components(self) -> None:
        failed: list[str] = []
        for names in STOP_ORDER:
            there = [name for name in self.components if name.partition("-")[0] in names]
            ends = await asyncio.gather(*(self.components.pop(name).stop() for name in there), return_exceptions=True)
            failed += [f"{name} ({end})" for name, end in zip(there, ends, strict=True) if end is not None]
        if failed:
            raise LauncherError(f"did not stop: {', '.join(failed)}")

    async def _start(self, *started: Component) -> None:
        """Start components concurrently. Register them before the start, so that `stop` covers a failed start."""
        self.components.update({component.name: component for component in started})
        await together(*(component.start() for component in started))

    async def _start_ground(self, backends: Backends) -> Addresses:
        """Start back-ends, mail and sandbox. Migrate the schemas while the broker, the slowest, starts."""
        outside = self._outside_world()
        addresses: Addresses
        [addresses, _] = await together(self._start_database(backends), self._start(backends.rabbitmq, *outside))
        # A container's host is only known once it runs.
        return dataclasses.replace(addresses, amqp_url=backends.rabbitmq.url)

    async def _start_database(self, backends: Backends) -> Addresses:
        await self._start(backends.postgres)
        took = stopwatch()
        addresses = await self._addresses_of(backends)
        await together(*(components.migrate(service, *self._setting(addresses)) for service in SERVICES))
        self._progress(f"database: the schemas of {', '.join(SERVICES)} are prepared and migrated in {took()}")
        return addresses

    def _outside_world(self) -> list[Component]:
        """Return the mail catcher and, unless the options name a Clover, the sandbox."""
        smtp, http, clover = free_port(), free_port(), free_port()
        self._urls = {
            "smtp_url": f"smtp://127.0.0.1:{smtp}",
            "mail_url": f"http://127.0.0.1:{http}",
            "gateway_url": f"http://127.0.0.1:{self._gateway_port()}",
            "clover_url": next(iter(self.options.clover_urls.values()), f"http://127.0.0.1:{clover}").rstrip("/"),
        }
        spawn, gateway_url = self.options.spawn, self._urls["gateway_url"]
        mail = components.mail(self.data_dir, spawn, smtp, http)
        if self.options.clover_urls:
            self._progress(f"clover: using the given {', '.join(sorted(set(self.options.clover_urls.values())))}")
            return [mail]
        return [mail, components.sandbox(self.data_dir, spawn, clover, gateway_url, self.identity)]

    async def _addresses_of(self, backends: Backends) -> Addresses:
        once = self.data_dir.once
        app = environment.of_own_app() if self.options.clover_urls else environment.of_sandbox_app(self.identity)
        passwords = {service: once(f"role_{service}", lambda: secrets.token_urlsafe(24)) for service in SERVICES}
        return Addresses(
            ports={service: free_port() for service in SERVICES},
            dsns=await database.prepare(backends.postgres.url, passwords, self.data_dir.system),
            amqp_url=backends.rabbitmq.url,
            clover_urls=self.options.clover_urls or dict.fromkeys(REGIONS, self._urls["clover_url"]),
            smtp_url=self._urls["smtp_url"],
            gateway_url=self._urls["gateway_url"],
            bus_namespace=bus.topology(self.data_dir.system).namespace,
            settings=app | dict(self.options.settings),
        )

    async def _start_services(self, addresses: Addresses) -> None:
        took = stopwatch()
        numbers = range(1, 1 + self.options.replicas)
        setting = self._setting(addresses)
        await self._start(*(components.service(each, *setting, number) for each in SERVICES for number in numbers))
        self._progress(f"services: {', '.join(SERVICES)} ready in {took()}")

    async def _start_gateway(self, addresses: Addresses) -> None:
        took = stopwatch()
        port = int(addresses.gateway_url.rpartition(":")[2])
        await self._start(gateway(self.data_dir, self._nginx, port, addresses.ports))
        self._progress(f"gateway: nginx at {addresses.gateway_url} ready in {took()}")

    def _setting(self, addresses: Addresses) -> tuple[DataDir, Spawn, Addresses, Identity]:
        return self.data_dir, self.options.spawn, addresses, self.identity

    def _gateway_port(self) -> int:
        wanted, usual = self.options.gateway_port, self.options.usual_gateway_port
        if wanted is not None and not is_free(wanted):
            raise LauncherError(f"port {wanted} is in use; give another --gateway-port")
        return wanted or (usual if usual is not None and is_free(usual) else free_port())

    def _state(self) -> dict[str, Any]:
        if self._addresses is None or self._backends is None:
            raise LauncherError("the system is not up")
        addresses = self._addresses
        return {
            **self._urls,
            "postgres_dsn": database.at(self._backends.postgres.url, self.data_dir.system),
            "amqp_url": self._backends.rabbitmq.url,
            "services": {name: {"url": addresses.url(name), "pid": self.components[name].pid} for name in SERVICES},
        }

    def _write_state(self) -> None:
        runtime_state.write(self.data_dir, self._state())
