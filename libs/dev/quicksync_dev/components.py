"""Builds the processes of a system except back-ends and gateway, and runs the migrations."""

import sys
from collections.abc import Sequence

from quicksync_dev import commands, environment
from quicksync_dev.datadir import DataDir
from quicksync_dev.environment import Addresses
from quicksync_dev.errors import ComponentFailed
from quicksync_dev.identity import Identity
from quicksync_dev.ports import free_port
from quicksync_dev.processes import Child, answers

MIGRATE_SECONDS = 120
WEBHOOKS = "/webhooks/clover"

Python = Sequence[str]
"""The words before a module's name that run it, such as `python -m`."""


def sandbox(data_dir: DataDir, python: Python, port: int, gateway_url: str, identity: Identity) -> Child:
    """Return the local Clover, which sends its webhooks to the gateway."""
    app = ["--app-id", identity.app_id, "--app-secret", identity.app_secret]
    webhooks = ["--webhook-url", f"{gateway_url}{WEBHOOKS}", "--webhook-secret", identity.webhook_secret]
    return Child(
        "sandbox",
        data_dir,
        [*python, "clover_sandbox", "--port", str(port), *app, *webhooks],
        env=environment.inherited(),
        ready=answers(f"http://127.0.0.1:{port}/_sandbox"),
    )


def mail(data_dir: DataDir, smtp_port: int, http_port: int) -> Child:
    """Return the mail catcher."""
    module = [sys.executable, "-m", "quicksync_dev.mail"]
    return Child(
        "mail",
        data_dir,
        [*module, "--smtp-port", str(smtp_port), "--http-port", str(http_port), "--dir", data_dir.path("mail")],
        env=environment.inherited(),
        ready=answers(f"http://127.0.0.1:{http_port}/mails"),
    )


def replica(service: str, number: int) -> str:
    """Return the name of a process of a service: the first has the service's name, the others `orders-2` and so on."""
    return service if number == 1 else f"{service}-{number}"


def service(
    name: str, data_dir: DataDir, python: Python, addresses: Addresses, identity: Identity, number: int = 1
) -> Child:
    """Return a process of one of the four services. The gateway knows the first; others have a port of their own."""
    port = addresses.ports[name] if number == 1 else free_port()
    return Child(
        replica(name, number),
        data_dir,
        [*python, name],
        env=environment.of_service(name, addresses, identity) | {"QS_PORT": str(port)},
        ready=answers(f"http://127.0.0.1:{port}/readyz"),
    )


async def migrate(name: str, data_dir: DataDir, python: Python, addresses: Addresses, identity: Identity) -> None:
    """Migrate the schema of a service to its newest version. Raise ComponentFailed on failure."""
    env = environment.of_service(name, addresses, identity)
    command = [*python, name, "migrate"]
    code, output = await commands.run_until_cancelled(command, seconds=MIGRATE_SECONDS, cwd=data_dir.root, env=env)
    if code:
        raise ComponentFailed(f"{name} migrate", f"ended with code {code}", output.splitlines()[-20:])
