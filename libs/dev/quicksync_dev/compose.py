"""The system in docker compose: the variables of docker-compose.yml, and the resulting addresses."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quicksync_dev import identity
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir
from quicksync_dev.environment import REGIONS
from quicksync_dev.identity import Identity

SANDBOX = "http://sandbox:8080"
WEBHOOKS = "http://gateway:8000/webhooks/clover"
"""Addresses as containers see them."""


@dataclass(frozen=True)
class Ports:
    """The containers' ports on this machine's loopback."""

    gateway: int = 8000
    mail: int = 8025
    sandbox: int = 8090


def variables(data_dir: DataDir, ports: Ports, *, sandbox: bool) -> dict[str, str]:
    """Return the variables of docker-compose.yml. `sandbox` adds the local Clover and uses it for every region.

    Each data directory creates its keys and passwords once; a second call returns the same.
    """
    own = identity.of(data_dir)
    return _passwords(data_dir) | _keys(own) | _addresses(ports) | (_with_sandbox(own, ports) if sandbox else {})


def dotenv(values: Mapping[str, str]) -> str:
    """Return the text of `.env`. Values are in single quotes, which all readers take literally."""
    return "".join(f"{name}='{value}'\n" for name, value in values.items())


def runtime_state(ports: Ports) -> dict[str, Any]:
    """Return the runtime state of the containers. Database and broker are not reachable from outside."""
    return {
        "gateway_url": f"http://127.0.0.1:{ports.gateway}",
        "webhook_url": WEBHOOKS,
        "clover_url": f"http://127.0.0.1:{ports.sandbox}",
        "smtp_url": "smtp://mail:1025",
        "mail_url": f"http://127.0.0.1:{ports.mail}",
        "postgres_dsn": None,
        "amqp_url": None,
        "services": {},
    }


def _passwords(data_dir: DataDir) -> dict[str, str]:
    names = ["QS_POSTGRES_PASSWORD", *(f"QS_POSTGRES_PASSWORD_{each.upper()}" for each in SERVICES), "QS_AMQP_PASSWORD"]
    return {name: data_dir.once(name.lower(), lambda: secrets.token_urlsafe(24)) for name in names}


def _keys(own: Identity) -> dict[str, str]:
    return {
        "QS_INTERNAL_SECRETS": own.internal_secret,
        # A variable in a file must be one line; the services read \n as a line break.
        "QS_JWT_PUBLIC_KEYS": own.public_key.replace("\n", "\\n"),
        "QS_CLOVER_WEBHOOK_SECRETS": own.webhook_secret,
        "QS_MASTER_KEYS": own.master_key,
        "QS_REFERENCE_KEY": own.reference_key,
    }


def _addresses(ports: Ports) -> dict[str, str]:
    return {
        "QS_PUBLIC_URL": f"http://127.0.0.1:{ports.gateway}",
        "QS_GATEWAY_ADDRESS": f"127.0.0.1:{ports.gateway}",
        "QS_MAIL_ADDRESS": f"127.0.0.1:{ports.mail}",
        "QS_SANDBOX_ADDRESS": f"127.0.0.1:{ports.sandbox}",
    }


def _with_sandbox(own: Identity, ports: Ports) -> dict[str, str]:
    return {
        "COMPOSE_PROFILES": "sandbox",
        "QS_ENV": "dev",  # Production mode allows only https to Clover.
        "QS_CLOVER_BASE_URLS": json.dumps(dict.fromkeys(REGIONS, SANDBOX)),
        # a person's browser loads Clover's page, from outside the containers
        "QS_CLOVER_WEB_URLS": json.dumps(dict.fromkeys(REGIONS, f"http://127.0.0.1:{ports.sandbox}")),
        "QS_CLOVER_APP_ID": own.app_id,
        "QS_CLOVER_APP_SECRET": own.app_secret,
    }
