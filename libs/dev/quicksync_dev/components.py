"""Builds the processes of a system except back-ends and gateway, and runs the migrations."""

import sys

from quicksync_dev import environment
from quicksync_dev.commands import Spawn
from quicksync_dev.datadir import DataDir
from quicksync_dev.environment import Addresses
from quicksync_dev.identity import Identity
from quicksync_dev.ports import free_port
from quicksync_dev.processes import Child, answers

MIGRATE_SECONDS = 120
WEBHOOKS = "/webhooks/clover"

PYTHON = (sys.executable, "-m")
"""The words that run a module."""


def sandbox(data_dir: DataDir, spawn: Spawn, port: int, gateway_url: str, identity: Identity) -> Child:
    """Return the local Clover, which sends its webhooks to the gateway."""
    app = ["--app-id", identity.app_id, "--app-secret", identity.app_secret]
    webhooks = ["--webhook-url", f"{gateway_url}{WEBHOOKS}", "--webhook-secret", identity.webhook_secret]
    return Child(
        "sandbox",
        data_dir,
        [*PYTHON, "clover_sandbox", "--port", str(port), *app, *webhooks],
        env=environment.inherited(),
        ready=answers(f"http://127.0.0.1:{port}/_sandbox"),
        spawn=spawn,
    )


def mail(data_dir: DataDir, spawn: Spawn, smtp_port: int, http_port: int) -> Child:
    """Return the mail catcher."""
    module = [*PYTHON, "quicksync_dev.mail"]
    return Child(
        "mail",
        data_dir,
        [*module, "--smtp-port", str(smtp_port), "--http-port", str(http_port), "--dir", data_dir.path("mail")],
        env=environment.inherited(),
        ready=answers(f"http://127.0.0.1:{http_port}/mails"),
        spawn=spawn,
    )


def replica(service: str, number: int) -> str:
    """Return the name of a process of a service: the first has the service's name, the others `orders-2` and so on."""
    return service if number == 1 else f"{service}-{number}"


def service(
    name: str, data_dir: DataDir, spawn: Spawn, addresses: Addresses, identity: Identity, number: int = 1
) -> Child:
    """Return a process of one of the four services. The gateway knows the first; others have a port of their own."""
    port = addresses.ports[name] if number == 1 else free_port()
    return Child(
        replica(name, number),
        data_dir,
        [*PYTHON, name],
        env=environment.of_service(name, addresses, identity) | {"QS_PORT": str(port)},
        ready=answers(f"http://127.0.0.1:{port}/readyz"),
        spawn=spawn,
    )


async def migrate(name: str, data_dir: DataDir, spawn: Spawn, addresses: Addresses, identity: Identity) -> None:
    """Migrate the schema of a service to its newest version. Raise ComponentFailed on failure."""
    command, env = [*PYTHON, name, "migrate"], environment.of_service(name, addresses, identity)
    await Child(f"{name}-migrate", data_dir, command, env=env, within=MIGRATE_SECONDS, spawn=spawn).run()
