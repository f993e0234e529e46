"""What every measurement returns: figures as `make bench` writes them."""

from typing import Any

Entry = dict[str, Any]


def figure(name: str, value: float, unit: str) -> Entry:
    """Return a figure that has no peer."""
    return {"name": name, "value": round(value, 3), "unit": unit, "peer": None, "peer_value": None, "ratio": None}
