"""Controls the sandbox's behaviour: faults, switches, limits, latency, clock, webhooks, and the call journal."""

import re
from dataclasses import asdict
from typing import Any

import aiohttp
from aiohttp import web

from clover_sandbox.answers import Refused
from clover_sandbox.control.body import amount_in, body_of, number_in
from clover_sandbox.faults import KINDS
from clover_sandbox.journal import Entry
from clover_sandbox.latency import Latency
from clover_sandbox.sandbox import Sandbox
from clover_sandbox.switches import SWITCHES

MOST_REQUESTS = 1000


async def summary(sandbox: Sandbox, _request: web.Request) -> Any:
    """Report readiness, sizes and counters."""
    return {
        "ready": True,
        "app_id": sandbox.world.app.id,
        "now": sandbox.world.clock.now_ms(),
        **sandbox.world.summary(),
        "requests": counters(sandbox),
        "limits": sandbox.limiter.limits.named(),
        "latency": asdict(sandbox.pipeline.latency),
        "webhooks": dict(sandbox.webhooks.counts),
    }


def counters(sandbox: Sandbox) -> dict[str, Any]:
    """Return the counters over all calls, which no bounded journal can lose."""
    journal, limiter = sandbox.journal, sandbox.limiter
    return {
        "total": journal.total,
        "by_status": dict(journal.by_status),
        "by_fault": dict(journal.by_fault),
        "writes_applied": journal.writes_applied,
        "over_limit": dict(limiter.over_limit),
        **limiter.peaks(),
    }


async def read_requests(sandbox: Sandbox, request: web.Request) -> Any:
    """List up to `limit` (1000) calls after `since` (a seq) by `merchant`, `method`, `status` and `path` (a regex)."""
    query = request.query
    pattern = re.compile(query.get("path", ""))
    limit = number_in(query, "limit", MOST_REQUESTS)

    def asked_for(entry: Entry) -> bool:
        return (
            query.get("merchant") in {None, entry.merchant_id}
            and query.get("method") in {None, entry.method}
            and query.get("status") in {None, str(entry.status)}
            and pattern.search(entry.path) is not None
        )

    found = (entry for entry in sandbox.journal.since(number_in(query, "since", 0)) if asked_for(entry))
    rows = [entry.row() for entry, _ in zip(found, range(limit), strict=False)]
    return {"requests": rows, "counters": counters(sandbox), "last_seq": sandbox.journal.last_seq()}


async def forget_requests(sandbox: Sandbox, _request: web.Request) -> Any:
    sandbox.journal.forget()
    sandbox.limiter.forget()
    return {}


async def read_faults(sandbox: Sandbox, _request: web.Request) -> Any:
    return {"rules": [rule.row() for rule in sandbox.faults.rules()], "kinds": KINDS}


async def replace_faults(sandbox: Sandbox, request: web.Request) -> Any:
    """Replace all rules with `{"rules": [...]}`."""
    rules = (await body_of(request)).get("rules")
    if not isinstance(rules, list):
        raise TypeError("rules must be a list")
    sandbox.faults.replace(rules)
    return await read_faults(sandbox, request)


async def add_fault(sandbox: Sandbox, request: web.Request) -> Any:
    """Add a rule."""
    return sandbox.faults.add(await body_of(request)).row()


async def clear_faults(sandbox: Sandbox, _request: web.Request) -> Any:
    sandbox.faults.clear()
    return {}


async def remove_fault(sandbox: Sandbox, request: web.Request) -> Any:
    if not sandbox.faults.remove(request.match_info["fault"]):
        raise Refused(404, "there is no such fault")
    return {}


async def read_switches(sandbox: Sandbox, _request: web.Request) -> Any:
    """List the active modes and the description of each switch."""
    about = {
        name: {"about": each.about, "modes": each.modes, "default": each.default, "confidence": each.confidence}
        for name, each in SWITCHES.items()
    }
    return {"modes": sandbox.switches.modes(), "switches": about}


async def set_switches(sandbox: Sandbox, request: web.Request) -> Any:
    sandbox.switches.set(await body_of(request))
    return {"modes": sandbox.switches.modes()}


async def reset_switches(sandbox: Sandbox, _request: web.Request) -> Any:
    sandbox.switches.reset()
    return {"modes": sandbox.switches.modes()}


async def set_limits(sandbox: Sandbox, request: web.Request) -> Any:
    """Set any of `app`, `token`, `app_concurrent`, `token_concurrent`. 0 removes a limit."""
    sandbox.limiter.limits = sandbox.limiter.limits.changed(await body_of(request))
    return sandbox.limiter.limits.named()


async def set_latency(sandbox: Sandbox, request: web.Request) -> Any:
    """Set the latency of every call: `{"ms"}` or `{"p50", "p99"}`, and spikes."""
    sandbox.pipeline.latency = Latency.parse(await body_of(request))
    return asdict(sandbox.pipeline.latency)


async def set_oauth(sandbox: Sandbox, request: web.Request) -> Any:
    """Set the lifetimes of the tokens issued from now on: `access_seconds`, `refresh_seconds`."""
    body, oauth = await body_of(request), sandbox.oauth
    if unknown := sorted(set(body) - {"access_seconds", "refresh_seconds"}):
        raise ValueError(f"tokens have no {unknown[0]!r}; they have access_seconds and refresh_seconds")
    given = {name: amount_in({name: value}, name) for name, value in body.items()}
    oauth.access_seconds = given.get("access_seconds", oauth.access_seconds)
    oauth.refresh_seconds = given.get("refresh_seconds", oauth.refresh_seconds)
    return {"access_seconds": oauth.access_seconds, "refresh_seconds": oauth.refresh_seconds}


async def advance_clock(sandbox: Sandbox, request: web.Request) -> Any:
    """Advance the clock with `{"advance": seconds}`."""
    sandbox.world.clock.advance(amount_in(await body_of(request), "advance"))
    return {"now": sandbox.world.clock.now_ms()}


async def read_webhooks(sandbox: Sandbox, _request: web.Request) -> Any:
    """Return settings without the secret, counts, and the latest posts."""
    webhooks = sandbox.webhooks
    return {
        "settings": webhooks.settings.shown(),
        "stock_keys": sandbox.switches["webhook_stock_keys"],
        "verification_code": webhooks.verification_code,
        "waiting": webhooks.waiting(),
        "counts": dict(webhooks.counts),
        "recent": [vars(each) for each in list(webhooks.recent)[-100:]],
    }


async def set_webhooks(sandbox: Sandbox, request: web.Request) -> Any:
    """Change settings by name; `mode` is I or split, and `verify: true` starts the handshake."""
    body = await body_of(request)
    verify, mode = body.pop("verify", False), body.pop("mode", None)
    sandbox.webhooks.change(body)
    if mode is not None:
        sandbox.switches.set({"webhook_stock_keys": mode})
    if verify:
        async with aiohttp.ClientSession() as http:
            await sandbox.webhooks.verify(http)
    return await read_webhooks(sandbox, request)


async def confirm_webhooks(sandbox: Sandbox, request: web.Request) -> Any:
    """Confirm `{"code"}`, as a person copies it into the dashboard."""
    if not sandbox.webhooks.confirm(str((await body_of(request)).get("code"))):
        raise ValueError("this is not the verification code")
    return await read_webhooks(sandbox, request)
