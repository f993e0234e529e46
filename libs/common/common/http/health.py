"""Alive, ready, and the figures: what whoever runs a service asks it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from common.errors import AppError
from common.http.routes import Access, Call, Route
from common.telemetry.metrics import Metrics

CHECK_WITHIN = 2.0
"""Seconds a check may take; one that hangs counts as failed."""

Check = Callable[[], Awaitable[Mapping[str, object] | None]]
"""Returns figures worth showing, or nothing, when all is well; raises when it is not."""

Probe = Call[Any, None]


def probes(metrics: Metrics, checks: Mapping[str, Check]) -> list[Route]:
    """/healthz, /readyz and /metrics."""

    async def alive(_: Probe) -> web.StreamResponse:
        return web.json_response({"status": "alive"})

    async def ready(_: Probe) -> web.StreamResponse:
        found = dict(zip(checks, await asyncio.gather(*map(_checked, checks.values())), strict=True))
        well = all(each["ok"] for each in found.values())
        status, words = (200, "ready") if well else (503, "not ready")
        return web.json_response({"status": words, "checks": found}, status=status)

    async def figures(_: Probe) -> web.StreamResponse:
        # content_type= refuses the charset that is part of Prometheus' own content type
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [
        Route("GET", "/healthz", alive, Access.OPEN, takes=None, quiet=True),
        Route("GET", "/readyz", ready, Access.OPEN, takes=None, quiet=True),
        Route("GET", "/metrics", figures, Access.OPEN, takes=None, quiet=True),
    ]


async def _checked(check: Check) -> dict[str, object]:
    """Messages of our own errors may be shown; those of libraries may quote addresses and are named by class."""
    try:
        async with asyncio.timeout(CHECK_WITHIN):
            figures = await check()
    except AppError as error:
        return {"ok": False, "problem": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever a check raises means not ready, and is shown as such
        return {"ok": False, "problem": type(error).__name__}
    return {"ok": True, **(figures or {})}
