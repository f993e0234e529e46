"""Handles every REST and OAuth call: record, admit, pick a fault, apply, answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from aiohttp import web

from clover_sandbox.admission import Admitted, admit, check_user_agent, decode, merchant_of
from clover_sandbox.answers import Answer, NotAllowed, Options, Refused, bad_request, not_found
from clover_sandbox.call import Call
from clover_sandbox.fault_effects import Outcome, run_fault
from clover_sandbox.faults import Faults
from clover_sandbox.journal import Entry, Journal
from clover_sandbox.latency import Latency
from clover_sandbox.limits import Limiter, OverLimit
from clover_sandbox.merchant import Merchant
from clover_sandbox.oauth import OAuth
from clover_sandbox.query import parse_query
from clover_sandbox.rest.routes import Router
from clover_sandbox.sending import send
from clover_sandbox.shapes import an_object
from clover_sandbox.switches import Switches
from clover_sandbox.world import World

logger = logging.getLogger(__name__)

Till = Callable[[Merchant, str, Mapping[str, Any]], Any]
Step = Callable[[web.Request, Entry], Awaitable[Outcome]]


@dataclass
class Pipeline:
    """Handles a call from request to response. Half of its latency passes before the call is applied, half after."""

    world: World
    oauth: OAuth
    router: Router
    limiter: Limiter
    faults: Faults
    journal: Journal
    till: Till
    latency: Latency = field(default_factory=Latency)
    random: Random = field(default_factory=Random)
    pending: list[asyncio.TimerHandle] = field(default_factory=list)

    async def rest(self, request: web.Request) -> web.StreamResponse:
        """Handle a call below /v3."""
        return await self._recorded(request, self._rest)

    async def oauth_call(self, request: web.Request) -> web.StreamResponse:
        """Handle a call below /oauth, for which no rate limits are documented."""
        return await self._recorded(request, self._oauth)

    def forget_pending(self) -> None:
        """Cancel the calls that a fault postponed."""
        for handle in self.pending:
            handle.cancel()
        self.pending.clear()

    async def _recorded(self, request: web.Request, handle: Step) -> web.StreamResponse:
        """Run the handler and record the result in the journal, even if the handler fails."""
        entry = self.journal.open(request.method, request.path, merchant_of(request.path), self._now())
        try:
            outcome = await handle(request, entry)
        except OverLimit as over:
            entry.over_limit = over.limit
            outcome = Outcome(over.answer())
        except Refused as refused:
            outcome = Outcome(refused.answer())
        except ConnectionError:
            # The client closed the connection while it sent the body.
            outcome = Outcome(None)
        except Exception:
            logger.exception("the sandbox failed on %s %s", entry.method, entry.path)
            outcome = Outcome(Answer({"message": "Internal Server Error"}, 500))
        self.journal.close(entry, 0 if outcome.answer is None else outcome.answer.status, self._now())
        return await send(request, outcome, self.world.ids.uuid())

    async def _rest(self, request: web.Request, entry: Entry) -> Outcome:
        raw = await _read(request)
        admitted = admit(self.world, self.router, request.method, request.path, request.headers)
        call = _call(request, admitted, self.world.switches, decode(raw))
        self.limiter.admit(admitted.token, self.world.clock.monotonic())
        try:
            return await self._apply_with_fault(
                request, entry, AdmittedCall(self, entry, partial(admitted.route.handler, call), call)
            )
        finally:
            self.limiter.leave(admitted.token)

    async def _oauth(self, request: web.Request, entry: Entry) -> Outcome:
        raw = await _read(request)
        check_user_agent(self.world, request.headers)
        return await self._apply_with_fault(
            request, entry, AdmittedCall(self, entry, _oauth_run(self.oauth, request, raw))
        )

    async def _apply_with_fault(self, request: web.Request, entry: Entry, context: "AdmittedCall") -> Outcome:
        rule = self.faults.pick(entry.method, request.path_qs, entry.merchant_id)
        entry.fault = rule.kind if rule is not None else None
        half = self.latency.draw(self.random) / 2000
        if half:
            await asyncio.sleep(half)
        outcome = await run_fault(rule, context)
        if half:
            await asyncio.sleep(half)
        return outcome

    def _now(self) -> float:
        return self.world.clock.now() * 1000


@dataclass
class AdmittedCall:
    """One admitted call, ready to be applied. It is the context of its fault."""

    pipeline: Pipeline
    entry: Entry
    run: Callable[[], Answer]
    call: Call | None = None

    @property
    def switches(self) -> Switches:
        return self.pipeline.world.switches

    def apply(self) -> Answer:
        """Apply the call and record it as applied. A refusal changes nothing."""
        try:
            answer = self.run()
        except Refused as refused:
            return refused.answer()
        self.pipeline.journal.applied(self.entry)
        return answer

    def apply_after(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.pipeline.pending = [each for each in self.pipeline.pending if each.when() >= loop.time()]
        self.pipeline.pending.append(loop.call_later(seconds, self.apply))

    def lag_index(self, seconds: float) -> None:
        if self.call is not None:
            self.call.index_lag = seconds

    def play_till(self, action: str, given: Mapping[str, Any]) -> str | None:
        if self.call is None:
            return "an OAuth call has no till"
        try:
            self.pipeline.till(self.call.merchant, action, given)
        except (Refused, TypeError, ValueError) as refused:
            return str(refused)
        return None


async def _read(request: web.Request) -> bytes:
    """Read the body. Raise 413 if it is too large and 400 if its encoding is invalid."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Refused(413, "Request Entity Too Large") from None
    except web.RequestPayloadError:
        raise bad_request("The request cannot be read") from None


def _call(request: web.Request, admitted: Admitted, switches: Switches, body: Any) -> Call:
    pairs = list(request.query.items())
    return Call(
        merchant=admitted.merchant,
        permissions=admitted.permissions,
        path=request.path,
        base_url=f"{request.scheme}://{request.host}",
        ids=admitted.ids,
        pairs=pairs,
        query=parse_query(pairs, switches),
        body=body,
    )


def _oauth_run(oauth: OAuth, request: web.Request, raw: bytes) -> Callable[[], Answer]:
    """Return the action of this OAuth call. Bodies must be JSON; a form gets 415 (recorded)."""
    query = dict(request.query)
    if request.path == "/oauth/v2/authorize" and request.method == "GET":
        return partial(oauth.authorize, query)
    posts: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
        "/oauth/v2/token": lambda body: oauth.token(body, query),
        "/oauth/v2/refresh": oauth.refresh,
        "/oauth/v2/recovery": oauth.recover,
    }
    if request.path not in posts:
        raise not_found("The requested resource could not be found.")
    if request.method == "OPTIONS":
        raise Options("POST, OPTIONS")
    if request.method != "POST":
        raise NotAllowed(request.method, "POST, OPTIONS")
    if request.content_type != "application/json":
        raise Refused(415, "Unsupported Media Type")
    return partial(posts[request.path], an_object(decode(raw)))
