"""Builds the environment variables of each service."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from quicksync_dev.identity import Identity

REGIONS = ("us", "eu", "la", "sandbox")
MAIL_FROM = "QuickSync <notifications@quicksync.localhost>"

SEALING = ("catalog", "orders", "notifier")
"""The services that keep secrets or personal details sealed at rest."""


@dataclass(frozen=True)
class Addresses:
    """The addresses of one system. `ports` and `dsns` are keyed by service."""

    ports: Mapping[str, int]
    dsns: Mapping[str, str]
    amqp_url: str
    clover_urls: Mapping[str, str]
    """Clover's address in each region."""
    smtp_url: str
    gateway_url: str
    bus_namespace: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further settings, by variable, for every service."""

    def url(self, service: str) -> str:
        """Return the URL of a service."""
        return f"http://127.0.0.1:{self.ports[service]}"


def of_service(service: str, addresses: Addresses, identity: Identity) -> dict[str, str]:
    """Return the environment of one service: its settings and the basic variables of our own environment."""
    own = {
        "QS_ENV": "dev",
        "QS_HOST": "127.0.0.1",
        "QS_PORT": str(addresses.ports[service]),
        "QS_POSTGRES_DSN": addresses.dsns[service],
        "QS_AMQP_URL": addresses.amqp_url,
        "QS_BUS_NAMESPACE": addresses.bus_namespace,
        "QS_CATALOG_URL": addresses.url("catalog"),
        "QS_PUBLIC_URL": addresses.gateway_url,
        "QS_INTERNAL_SECRETS": identity.internal_secret,
        "QS_JWT_PUBLIC_KEYS": identity.public_key,
        "QS_CLOVER_BASE_URLS": json.dumps(dict(addresses.clover_urls)),
        "QS_CLOVER_WEBHOOK_SECRETS": identity.webhook_secret,
    }
    return inherited() | own | _particular(service, addresses, identity) | dict(addresses.settings)


def _particular(service: str, addresses: Addresses, identity: Identity) -> dict[str, str]:
    particular = {"QS_MASTER_KEYS": identity.master_key} if service in SEALING else {}
    match service:
        case "catalog":
            particular["QS_CLOVER_WEB_URLS"] = json.dumps(dict(addresses.clover_urls))
        case "orders":
            particular["QS_REFERENCE_KEY"] = identity.reference_key
        case "notifier":
            particular |= {"QS_SMTP_URL": addresses.smtp_url, "QS_MAIL_FROM": MAIL_FROM}
    return particular


def of_sandbox_app(identity: Identity) -> dict[str, str]:
    """Return the settings of the app that the local sandbox knows."""
    return {"QS_CLOVER_APP_ID": identity.app_id, "QS_CLOVER_APP_SECRET": identity.app_secret}


def of_own_app() -> dict[str, str]:
    """Return the settings of an app in another Clover, as our own environment has them."""
    names = ("QS_CLOVER_APP_ID", "QS_CLOVER_APP_SECRET", "QS_CLOVER_APPS", "QS_CLOVER_WEB_URLS")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def inherited() -> dict[str, str]:
    """Return our own environment without the settings of the launcher and the services."""
    return {name: value for name, value in os.environ.items() if not name.startswith("QS_")}
