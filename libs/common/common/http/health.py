"""The probes an operator calls: liveness, readiness and metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from common.errors import AppError
from common.http.routes import Access, Call, Route
from common.telemetry.metrics import Metrics

CHECK_TIMEOUT = 2.0
"""Seconds a check may take; a check that hangs counts as failed."""

Check = Callable[[], Awaitable[Mapping[str, object] | None]]
"""Returns figures to show, or None; raises an exception when the part it checks does not work."""

Probe = Call[Any, None]


def probes(metrics: Metrics, checks: Mapping[str, Check]) -> list[Route]:
    """Return the routes /healthz, /readyz and /metrics."""

    async def alive(_: Probe) -> web.StreamResponse:
        return web.json_response({"status": "alive"})

    async def ready(_: Probe) -> web.StreamResponse:
        results = dict(zip(checks, await asyncio.gather(*map(_run, checks.values())), strict=True))
        all_ok = all(each["ok"] for each in results.values())
        status, text = (200, "ready") if all_ok else (503, "not ready")
        return web.json_response({"status": text, "checks": results}, status=status)

    async def show_metrics(_: Probe) -> web.StreamResponse:
        # the argument content_type= refuses the charset in Prometheus' content type
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [
        Route("GET", "/healthz", alive, Access.OPEN, takes=None, quiet=True),
        Route("GET", "/readyz", ready, Access.OPEN, takes=None, quiet=True),
        Route("GET", "/metrics", show_metrics, Access.OPEN, takes=None, quiet=True),
    ]


async def _run(check: Check) -> dict[str, object]:
    """Run a check. Errors of libraries are shown by class only: their messages may quote addresses."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            figures = await check()
    except AppError as error:
        return {"ok": False, "problem": str(error)}
    except Exception as error:  # noqa: BLE001 - any exception means not ready
        return {"ok": False, "problem": type(error).__name__}
    return {"ok": True, **(figures or {})}
