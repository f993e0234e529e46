"""The result of every measurement: figures as `make bench` writes them."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from typing import Any

Entry = dict[str, Any]


def figure(name: str, value: float, unit: str) -> Entry:
    """Return a figure that has no peer."""
    return {"name": name, "value": round(value, 3), "unit": unit, "peer": None, "peer_value": None, "ratio": None}


async def in_own_process(module: str, dsn: str) -> list[Entry]:
    """Return the figures that the module prints in a process of its own, so that its memory is that of nothing else."""
    environment = os.environ | {"QS_POSTGRES_DSN": dsn}
    running = await asyncio.create_subprocess_exec(sys.executable, "-m", module, env=environment, stdout=PIPE)
    printed, _ = await running.communicate()
    if running.returncode:
        raise RuntimeError(f"{module} ended with {running.returncode}")
    return [json.loads(line) for line in printed.splitlines()]
