"""The runtime state of a system: addresses and process ids, stored in the data directory for `quicksync env`."""

import json
import os
from collections.abc import Mapping
from typing import Any

from quicksync_dev.datadir import SECRET, STATE_FILE, DataDir
from quicksync_dev.errors import LauncherError
from quicksync_dev.identity import Identity

COMPOSE_FILE = "compose.json"
"""The state of a system in docker compose, which has no launcher to lock the directory."""


def write(data_dir: DataDir, state: Mapping[str, Any], name: str = STATE_FILE) -> None:
    """Replace the stored state."""
    path = data_dir.path(name)
    unfinished = path.with_suffix(".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, SECRET), "w") as file:
        json.dump(state, file)
    unfinished.rename(path)


def read(data_dir: DataDir) -> dict[str, Any]:
    """Return the state of the system on this directory. Raise LauncherError if none is up."""
    composed = data_dir.root / COMPOSE_FILE
    if composed.exists():
        return dict(json.loads(composed.read_text()))
    path = data_dir.root / STATE_FILE
    if not data_dir.is_locked() or not path.exists():
        raise LauncherError(f"no system is up on {data_dir.root}; start one with `quicksync up`")
    return dict(json.loads(path.read_text()))


def public(state: Mapping[str, Any], identity: Identity) -> dict[str, Any]:
    """Return the JSON of `quicksync env`: the state, a new token with all scopes, and the webhook secret."""
    return {
        "gateway_url": state["gateway_url"],
        "dashboard_url": f"{state['gateway_url']}/dashboard/",
        "token": identity.token(),
        "webhook_url": state.get("webhook_url", f"{state['gateway_url']}/webhooks/clover"),
        "webhook_secret": identity.webhook_secret,
        **{
            name: state[name] for name in ("clover_url", "smtp_url", "mail_url", "postgres_dsn", "amqp_url", "services")
        },
    }


def login_link(gateway_url: str, identity: Identity) -> str:
    """Return a link that logs a browser in to the dashboard. It is valid for ten minutes."""
    return f"{gateway_url}/dashboard/login?token={identity.token(minutes=10)}"
